"""Nodes that are behind: another is asked, and when all are, the best of them is taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from solders.hash import Hash

from dex.solana.blockhashes import Blockhashes
from dex.solana.market import Market
from dex.solana.rpc import MAX_BEHIND_SLOTS, RpcClient
from dex.types import Blockhash, Snapshot

from .paper_market import OTHER, VENUES
from .paper_venue import PaperChain
from .rpc_client import client, never
from .scripted_node import ScriptedNode, scripted_node

FAR = MAX_BEHIND_SLOTS + 1


class View:
    """What one node shows: its slot, and that slot's blockhash and accounts."""

    def __init__(self, node: ScriptedNode, slot: int) -> None:
        self.node = node
        self.chain = PaperChain()
        self.chain.slot = slot
        node.answers["getMultipleAccounts"] = self.chain.get_multiple_accounts
        node.answers["getLatestBlockhash"] = self._blockhash
        node.answers["getSlot"] = lambda options: self.chain.slot

    @property
    def asked(self) -> int:
        return len(self.node.calls)

    def _blockhash(self, options: dict[str, Any]) -> Any:
        slot = self.chain.slot
        value = {"blockhash": str(Hash.default()), "lastValidBlockHeight": slot + 150}
        return {"context": {"slot": slot}, "value": value}


@contextlib.asynccontextmanager
async def views(
    *slots: int, **options: float
) -> AsyncIterator[tuple[RpcClient, list[View]]]:
    async with contextlib.AsyncExitStack() as stack:
        shown = [
            View(await stack.enter_async_context(scripted_node()), slot)
            for slot in slots
        ]
        urls = [view.node.url for view in shown]
        yield await stack.enter_async_context(client(*urls, **options)), shown


async def blockhash(rpc: RpcClient) -> Blockhash:
    return await Blockhashes(rpc, slot_time_s=0).latest()


async def snapshot(rpc: RpcClient) -> Snapshot:
    market = Market(rpc, VENUES, slot_time_s=0)
    try:
        return await market.snapshot([OTHER])
    finally:
        await market.close()


READS = pytest.mark.parametrize("read", [blockhash, snapshot])


@READS
async def test_a_node_that_fell_behind_is_passed_over(read: Any):
    async with views(1_000, 1_000) as (rpc, (first, _)):
        assert (await read(rpc)).slot == 1_000
        first.chain.slot -= FAR

        assert (await read(rpc)).slot == 1_000
        # From then on it is not even asked first.
        asked = first.asked
        assert (await read(rpc)).slot == 1_000
        assert first.asked == asked
        assert rpc.behind(rpc.endpoints[0]) == FAR


@READS
async def test_a_few_slots_behind_are_as_good(read: Any):
    async with views(1_000, 1_000) as (rpc, (first, second)):
        await read(rpc)
        first.chain.slot -= MAX_BEHIND_SLOTS

        assert (await read(rpc)).slot == 1_000 - MAX_BEHIND_SLOTS
        assert second.asked == 0


@READS
async def test_when_all_fell_behind_the_newest_is_taken(read: Any):
    async with views(1_000, 1_000) as (rpc, (first, second)):
        await read(rpc)
        first.chain.slot, second.chain.slot = 700, 800

        assert (await read(rpc)).slot == 800
        first.chain.slot = second.chain.slot = 801
        assert (await read(rpc)).slot == 801


@READS
async def test_one_that_claimed_an_absurd_slot_does_not_stop_the_others(read: Any):
    async with views(2**62, 1_000) as (rpc, (liar, honest)):
        assert (await read(rpc)).slot == 2**62
        liar.node.answers.clear()
        for _ in range(3):
            honest.chain.slot += 1
            rpc.endpoints[0].mark_slow()

            assert (await read(rpc)).slot == honest.chain.slot


@READS
async def test_a_node_that_shows_a_slot_far_ahead_and_nothing_else_delays_nobody(
    read: Any,
):
    slots, waits = (2**40, 1_000), {"timeout_s": 60, "patience_s": 0.02}
    async with views(*slots, **waits) as (rpc, (liar, honest)):
        for method in ("getMultipleAccounts", "getLatestBlockhash"):
            liar.node.answers[method] = lambda *_: never()
        await rpc.read_slots()
        for _ in range(10):
            honest.chain.slot += 1
            async with asyncio.timeout(5):
                assert (await read(rpc)).slot == honest.chain.slot
            await rpc.read_slots()


@READS
async def test_a_slot_that_jumps_ahead_draws_nobody_to_the_node_that_made_it_up(
    read: Any,
):
    async with views(1_000, 1_000) as (rpc, (liar, honest)):
        await rpc.read_slots()
        liar.chain.slot = 50_000
        await rpc.read_slots()

        assert (await read(rpc)).slot == 1_000
        assert [rpc.behind(endpoint) for endpoint in rpc.endpoints] == [0, 0]

        # When the other has got there, too, it was no lie.
        honest.chain.slot = 50_000
        await rpc.read_slots()
        assert (await read(rpc)).slot == 50_000


@READS
async def test_when_all_that_answer_jumped_ahead_they_are_believed(read: Any):
    async with views(1_000, 1_000) as (rpc, (first, second)):
        await rpc.read_slots()
        second.node.answers.clear()
        first.chain.slot = 50_000

        assert (await read(rpc)).slot == 50_000
        assert rpc.pace.newest == 50_000


async def test_one_endpoint_left_is_believed_though_nobody_reads_from_it():
    async with views(1_000, 1_000) as (rpc, (first, second)):
        await rpc.read_slots()
        second.node.answers.clear()
        first.chain.slot = 50_000
        await rpc.read_slots()

        assert rpc.pace.admits(50_000)
