"""One node of two lies about a transaction of ours: no order may swap twice for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from dex.solana.cluster import Cluster
from dex.solana.rpc import RpcClient
from dex.tests.scripted_node import serve
from execution.engine import Engine
from orders.models import Status

from .conftest import FAST, Stage

SLIPPAGE = {"InstructionError": [4, {"Custom": 6005}]}
NO_FUNDS = {"InstructionError": [4, {"Custom": 1}]}


class Liar:
    """Stands before a node and calls the first signature it is asked about a failure.

    `told` counts its lies; with `is_lying` False it only passes on.
    """

    def __init__(self, url: str, error: Any) -> None:
        self.is_lying = True
        self.told = 0
        self._signature = ""
        self._url = url
        self._error = error

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url, json=body) as response,
        ):
            answers = await response.json()
        for asked, answer in zip(_listed(body), _listed(answers), strict=True):
            if self.is_lying and asked["method"] == "getSignatureStatuses":
                self._falsify(asked["params"][0], answer["result"])
        return web.json_response(answers)

    def _falsify(self, signatures: list[str], result: Any) -> None:
        self._signature = self._signature or signatures[0]
        for position, signature in enumerate(signatures):
            if signature == self._signature:
                self.told += 1
                result["value"][position] = {
                    "slot": result["context"]["slot"],
                    "confirmations": 1,
                    "err": self._error,
                    "confirmationStatus": "confirmed",
                }


def _listed(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


@contextlib.asynccontextmanager
async def lied_to(
    stage: Stage, node: int, error: Any
) -> AsyncIterator[tuple[Engine, Liar]]:
    """An engine like the stage's, with a liar before one of its two nodes."""
    urls = list(stage.localnet.urls)
    liar = Liar(urls[node], error)
    async with serve(liar.answer) as port:
        urls[node] = f"http://127.0.0.1:{port}/"
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        venues = stage.engine.venues
        async with Cluster(
            rpc,
            venues,
            slot_time_s=0.02,
            resend_interval_s=0.05,
            expiry_interval_s=0.02,
        ) as cluster:
            engine = Engine(
                cluster=cluster,
                wallet=stage.wallet,
                venues=venues,
                database=stage.database,
                unit_price=0,
                intervals=FAST,
            )
            engine.may_sign.set()
            yield engine, liar


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("error", [SLIPPAGE, NO_FUNDS], ids=["slippage", "funds"])
async def test_one_node_that_calls_a_swap_a_failure_neither_ends_nor_repeats_it(
    stage: Stage, node: int, error: Any
):
    faults = stage.localnet.network.faults
    under_way = faults.add({"kind": "drop"})
    order_id = await stage.place(slippage_bps=9_000)
    claim = await stage.claim(order_id)
    async with lied_to(stage, node, error) as (engine, liar), asyncio.timeout(20):
        carrying = asyncio.create_task(engine.carry_out(claim))
        while liar.told < 10:
            await asyncio.sleep(0.001)
        assert not carrying.done()

        faults.clear([under_way])
        while not await stage.landed():
            await asyncio.sleep(0.001)
        liar.is_lying = False
        await carrying

    order = await stage.order(order_id)
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert len(await stage.landed()) == 1
