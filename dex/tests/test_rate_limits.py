"""Endpoints that allow few requests: their pauses are kept, and everybody has a turn."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from dex.errors import RpcUnavailable
from dex.solana.endpoint import Endpoint
from dex.solana.health import Circuit
from dex.types import Expired

from .chain_node import settling, stage, transaction, until
from .rpc_client import client
from .scripted_node import ScriptedNode, scripted_node


def allow(node: ScriptedNode, requests_a_second: int) -> None:
    """Answer so many HTTP requests in each second, and 429 to all others."""
    answer, answered = node.handle, dict[int, int]()

    async def handle(request: web.Request) -> web.StreamResponse:
        second = int(time.monotonic())
        answered[second] = answered.get(second, 0) + 1
        if answered[second] > requests_a_second:
            return web.Response(status=429, headers={"Retry-After": "1"})
        node.replace = None
        try:
            return await answer(request)
        finally:
            node.replace = handle

    node.replace = handle


def is_open(endpoint: Endpoint) -> bool:
    return endpoint.health.circuit is Circuit.OPEN


async def test_a_transaction_is_proved_dead_by_nodes_that_allow_few_requests():
    async with (
        stage(status_interval_s=0.01, expiry_interval_s=0.4, resend_interval_s=2) as (
            cluster,
            chain,
        ),
        settling(cluster, transaction()) as outcome,
    ):
        for node, endpoint in zip(chain, cluster.rpc.endpoints, strict=True):
            allow(node.node, 4)
            await until(partial(is_open, endpoint))
            node.expire()
        async with asyncio.timeout(20):
            assert isinstance(await outcome, Expired)


async def test_calls_made_during_a_pause_share_a_request_after_it():
    async with scripted_node(getSlot=7) as node, client(node.url) as rpc:
        await rpc.call("getSlot")
        endpoint = rpc.endpoints[0]
        endpoint.health.limited("HTTP status 429", 0.1)
        assert is_open(endpoint)
        calls = [asyncio.create_task(endpoint.call("getSlot")) for _ in range(20)]
        await asyncio.sleep(0)
        assert node.asked("getSlot") == 1

        assert await asyncio.gather(*calls) == [7] * 20
        assert node.bodies[-1] == ["getSlot"] * 20
        assert not is_open(endpoint)


async def test_a_pause_longer_than_a_call_may_take_is_not_waited_for():
    async with (
        scripted_node(getSlot=1) as busy,
        scripted_node(getSlot=2) as other,
        client(busy.url, other.url) as rpc,
    ):
        for endpoint in rpc.endpoints:
            endpoint.health.limited("HTTP status 429", 3.0)
            with pytest.raises(RpcUnavailable, match="given a rest after: HTTP status"):
                await endpoint.call("getSlot")
        assert busy.calls == other.calls == []


async def test_a_pause_is_kept_whatever_is_answered_meanwhile():
    release = asyncio.Event()

    async def slot() -> int:
        await release.wait()
        return 1

    async with scripted_node(getSlot=slot) as node, client(node.url) as rpc:
        endpoint = rpc.endpoints[0]
        early = asyncio.create_task(endpoint.call("getSlot"))
        await until(lambda: node.asked("getSlot") == 1)
        endpoint.health.limited("HTTP status 429", 30)
        release.set()
        assert await early == 1

        assert not endpoint.health.admits()


async def test_who_wants_to_be_asked_less_is_polled_less_and_recovers_by_and_by():
    async with (
        stage(status_interval_s=0.01) as (cluster, (limited, other)),
        settling(cluster, transaction()),
    ):
        health = cluster.rpc.endpoints[0].health
        statuses = limited.node.answers["getSignatureStatuses"]

        def object_to_it(*params: Any) -> Any:
            health.times_limited += 1
            return statuses(*params)

        async def polls_of_the_limited() -> int:
            before = limited.node.asked("getSignatureStatuses")
            await other.rounds("getSignatureStatuses", 30)
            return limited.node.asked("getSignatureStatuses") - before

        limited.node.answers["getSignatureStatuses"] = object_to_it
        await limited.rounds("getSignatureStatuses", 6)
        assert await polls_of_the_limited() < 10

        limited.node.answers["getSignatureStatuses"] = statuses
        await limited.rounds("getSignatureStatuses", 20)
        assert await polls_of_the_limited() > 20
