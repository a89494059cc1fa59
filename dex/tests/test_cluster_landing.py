"""What settles a transaction: one status at confirmed or better, and nothing less."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dex.types import Landed

from .chain_node import (
    SLIPPAGE,
    settling,
    stage,
    status,
    transaction,
)


@pytest.mark.parametrize("level", ["confirmed", "finalized"])
async def test_success_at_confirmed_or_better_is_landed(level: str):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[1].statuses[tx.signature] = status(level)

        assert await outcome == Landed(5_001)


@pytest.mark.parametrize("err", [None, SLIPPAGE])
async def test_nothing_counts_at_processed(err: Any):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.statuses[tx.signature] = status("processed", err)
        await chain[0].rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        for node in chain:
            node.statuses[tx.signature] = status("confirmed")
        assert await outcome == Landed(5_001)


async def test_an_endpoint_that_is_down_does_not_delay_a_confirmation():
    tx = transaction()
    async with stage(1, down=1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status()

        assert await outcome == Landed(5_001)


async def test_a_transaction_that_may_simply_land_meets_no_obstacle():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        await chain[0].rounds("getSignatureStatuses", 3)
        assert cluster.obstacle(tx.signature) is None

        chain[0].statuses[tx.signature] = status()
        await outcome

        assert cluster.obstacle(tx.signature) is None


async def test_endpoints_that_contradict_each_other_leave_it_open(
    caplog: pytest.LogCaptureFixture,
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        gate = asyncio.Event()

        async def hold(signatures: list[str], options: Any) -> Any:
            await gate.wait()
            return chain[1]._statuses(signatures, options)

        chain[1].node.answers["getSignatureStatuses"] = hold
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        chain[1].statuses[tx.signature] = status()
        await chain[0].rounds("getSignatureStatuses", 3)
        gate.set()
        await chain[1].rounds("getSignatureStatuses", 3)

        assert not outcome.done()
        assert caplog.text.count("contradict each other") == 1  # not at each poll
        obstacle = cluster.obstacle(tx.signature)
        assert obstacle is not None
        assert obstacle.code == "endpoints_disagree"
        assert f"{chain[1].node.name} shows that it swapped" in obstacle.message
        assert f"{chain[0].node.name} that it failed" in obstacle.message

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


@pytest.mark.parametrize("err", [None, SLIPPAGE])
@pytest.mark.parametrize("slot", [5_002, 2**62])
async def test_a_slot_beyond_what_the_node_itself_has_reached_settles_nothing(
    slot: int, err: Any
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.statuses[tx.signature] = status(err=err, slot=slot)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        for node in chain:
            node.statuses[tx.signature] = status(err=err)
        assert (await outcome).slot == 5_001


async def test_a_slot_that_the_chain_cannot_have_reached_settles_nothing():
    tx = transaction()
    async with stage() as (cluster, (liar, honest)), settling(cluster, tx) as outcome:
        for node in (liar, honest):
            await node.rounds("getSignatureStatuses", 2)
        liar.slot = 2**62
        liar.statuses[tx.signature] = status(slot=2**62)
        await liar.rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        honest.statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_a_slot_after_a_jump_counts_once_the_other_endpoint_has_got_there():
    tx = transaction()
    async with stage() as (cluster, (ahead, other)), settling(cluster, tx) as outcome:
        for node in (ahead, other):
            await node.rounds("getSignatureStatuses", 2)
        ahead.slot = 9_000
        ahead.statuses[tx.signature] = status(slot=9_000)
        await ahead.rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        other.slot = 9_000
        assert await outcome == Landed(9_000)
