from __future__ import annotations

import asyncio
from typing import Any

import pytest
from solders.hash import Hash

from dex.errors import RpcUnavailable
from dex.solana.blockhashes import Blockhashes
from dex.solana.rpc import RpcClient
from dex.types import Blockhash

from .rpc_client import client
from .scripted_node import scripted_node

HASH = str(Hash.default())
ANSWER = {
    "context": {"slot": 7},
    "value": {"blockhash": HASH, "lastValidBlockHeight": 157},
}


async def never(*_: Any) -> None:
    await asyncio.Event().wait()


async def ask_at_once(blockhashes: Blockhashes, callers: int) -> list[Any]:
    return await asyncio.gather(
        *(blockhashes.latest() for _ in range(callers)), return_exceptions=True
    )


async def test_all_who_ask_within_a_slot_share_one_blockhash():
    async with scripted_node(getLatestBlockhash=ANSWER) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=1, expected_genesis=None)
        blockhashes = Blockhashes(rpc, slot_time_s=60)

        answers = await ask_at_once(blockhashes, 20)
        await rpc.close()

    assert answers == [Blockhash(HASH, 157, 7)] * 20
    assert node.asked("getLatestBlockhash") == 1


async def test_all_who_ask_a_silent_chain_give_up_together():
    async with scripted_node(getLatestBlockhash=never) as node:
        rpc = RpcClient([node.url], timeout_s=0.05, batch_size=1, expected_genesis=None)
        blockhashes = Blockhashes(rpc, slot_time_s=60)

        answers = await ask_at_once(blockhashes, 20)
        asked = node.asked("getLatestBlockhash")
        await rpc.close()

    assert {type(answer) for answer in answers} == {RpcUnavailable}
    # One after the other, the last of 200 orders would wait for 200 time-outs, and
    # look at its deadline only then.
    assert asked == 1


async def test_a_caller_who_gives_up_does_not_stop_the_others():
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer_late(*_: Any) -> Any:
        asked.set()
        await go_on.wait()
        return ANSWER

    async with scripted_node(getLatestBlockhash=answer_late) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=1, expected_genesis=None)
        blockhashes = Blockhashes(rpc, slot_time_s=60)
        first = asyncio.create_task(blockhashes.latest())
        second = asyncio.create_task(blockhashes.latest())
        await asked.wait()

        first.cancel()
        go_on.set()

        assert (await second).blockhash == HASH
        await rpc.close()


@pytest.mark.parametrize("odd", [{}, {"blockhash": 7}, None])
async def test_an_answer_without_a_blockhash_is_unavailable(odd: Any):
    answer = {"context": {"slot": 7}, "value": odd}
    async with scripted_node(getLatestBlockhash=answer) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=1, expected_genesis=None)
        with pytest.raises(RpcUnavailable, match="no blockhash"):
            await Blockhashes(rpc, slot_time_s=60).latest()
        await rpc.close()


@pytest.mark.parametrize(("height", "is_taken"), [(307, True), (308, False)])
async def test_a_life_longer_than_any_blockhash_has_is_unavailable(
    height: int, is_taken: bool
):
    value = {"blockhash": HASH, "lastValidBlockHeight": height}
    answer = {"context": {"slot": 7}, "value": value}
    async with (
        scripted_node(getLatestBlockhash=answer) as node,
        client(node.url) as rpc,
    ):
        asking = Blockhashes(rpc, slot_time_s=60).latest()
        if is_taken:
            assert (await asking).last_valid_block_height == height
        else:
            with pytest.raises(RpcUnavailable, match="no blockhash"):
                await asking


async def test_a_node_that_makes_up_the_life_of_a_blockhash_is_passed_over():
    made_up = {"blockhash": HASH, "lastValidBlockHeight": 2**62}
    async with (
        scripted_node(
            getLatestBlockhash={"context": {"slot": 7}, "value": made_up}
        ) as liar,
        scripted_node(getLatestBlockhash=ANSWER) as well,
        client(liar.url, well.url) as rpc,
    ):
        blockhash = await Blockhashes(rpc, slot_time_s=60).latest()

    assert blockhash == Blockhash(HASH, 157, 7)
