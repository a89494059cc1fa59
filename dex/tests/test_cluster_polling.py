"""The poll that all transactions of a process share, and what does not stop it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from dex.errors import WrongChain
from dex.types import Landed, SignedTransaction

from .chain_node import (
    LAST_VALID,
    SLIPPAGE,
    settling,
    stage,
    status,
    transaction,
)


async def test_one_poll_asks_for_all_transactions_of_the_process():
    transactions = [transaction(f"order:{n}") for n in range(300)]
    async with stage(1) as (cluster, chain):
        settled = [asyncio.create_task(cluster.settle(tx)) for tx in transactions]
        await chain[0].rounds("getSignatureStatuses", 4)
        for tx in transactions:
            chain[0].statuses[tx.signature] = status()
        outcomes = await asyncio.gather(*settled)

    asked = [
        len(params[0])
        for method, params in chain[0].node.calls
        if method == "getSignatureStatuses"
    ]
    assert outcomes == [Landed(5_001)] * 300
    assert 256 in asked
    assert max(asked) == 256


async def test_two_who_settle_the_same_transaction_get_the_same_outcome():
    tx = transaction()
    async with stage() as (cluster, chain):
        tasks = [asyncio.create_task(cluster.settle(tx)) for _ in range(2)]
        await chain[0].rounds("getSignatureStatuses", 2)
        tasks.pop().cancel()
        chain[0].statuses[tx.signature] = status()

        assert await tasks[0] == Landed(5_001)


async def test_another_chain_behind_an_endpoint_ends_every_wait():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        await chain[1].rounds("getSignatureStatuses", 2)
        chain[1].node.answers["getGenesisHash"] = "Other"
        cluster.rpc.endpoints[1].mark_slow()  # as a lost connection does

        with pytest.raises(WrongChain):
            await outcome
        with pytest.raises(WrongChain):
            await cluster.settle(tx)


@pytest.mark.parametrize("odd", ["nonsense", 7, [], {}, {"slot": "x"}, True])
async def test_an_odd_status_neither_settles_nor_stops_the_poller(odd: Any):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = odd
        await chain[0].rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_a_bug_in_one_step_is_logged_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.ERROR)
    broken = SignedTransaction("sig", b"not a transaction", "hash", LAST_VALID)
    async with stage(1) as (cluster, chain), settling(cluster, broken):
        chain[0].statuses["sig"] = status("finalized", SLIPPAGE)
        await chain[0].rounds("getSignatureStatuses", 3)
        tx = transaction()
        chain[0].statuses[tx.signature] = status()
        chain[0].statuses.pop("sig")

        assert await cluster.settle(tx) == Landed(5_001)
    assert "it goes on" in caplog.text
