"""Nodes that are behind: another is asked, and when all are, the best of them is taken."""

from __future__ import annotations

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
from .rpc_client import client
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

    @property
    def asked(self) -> int:
        return len(self.node.calls)

    def _blockhash(self, options: dict[str, Any]) -> Any:
        slot = self.chain.slot
        value = {"blockhash": str(Hash.default()), "lastValidBlockHeight": slot + 150}
        return {"context": {"slot": slot}, "value": value}


@contextlib.asynccontextmanager
async def views(*slots: int) -> AsyncIterator[tuple[RpcClient, list[View]]]:
    async with contextlib.AsyncExitStack() as stack:
        shown = [
            View(await stack.enter_async_context(scripted_node()), slot)
            for slot in slots
        ]
        urls = [view.node.url for view in shown]
        yield await stack.enter_async_context(client(*urls)), shown


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
