"""No endpoint is believed before its chain is known, nor after it came back."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from dex.errors import RpcUnavailable, WrongChain
from dex.solana.rpc import RpcClient

from .rpc_client import client
from .scripted_node import GENESIS, ScriptedNode, scripted_node, serve


async def test_the_genesis_hash_is_compared_before_first_use():
    async with scripted_node(getSlot=1) as node, client(node.url) as rpc:
        await rpc.call("getSlot")
        await rpc.call("getSlot")

    assert node.bodies == [["getGenesisHash"], ["getSlot"], ["getSlot"]]


async def test_another_chain_stops_the_client_and_names_both():
    async with (
        scripted_node(getSlot=1, getGenesisHash="Other") as node,
        client(node.url) as rpc,
    ):
        with pytest.raises(WrongChain) as caught:
            await rpc.call("getSlot")
        with pytest.raises(WrongChain):
            await rpc.call("getSlot")

    assert node.asked("getSlot") == 0
    for words in (GENESIS, "Other", node.name, "DATABASE_URL", "var/"):
        assert words in str(caught.value)


async def test_one_endpoint_of_another_chain_stops_the_client():
    async with (
        scripted_node(getSlot=1, getGenesisHash="Other") as wrong,
        scripted_node(getSlot=1) as right,
        client(right.url, wrong.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 1
        with pytest.raises(WrongChain):
            await rpc.endpoints[1].call("getSlot")
        with pytest.raises(WrongChain):
            await rpc.call("getSlot")


async def test_without_an_expected_chain_the_first_answer_binds_the_others():
    async with (
        scripted_node(getSlot=1) as first,
        scripted_node(getSlot=1, getGenesisHash="Other") as second,
        client(first.url, second.url, expected_genesis=None) as rpc,
    ):
        await rpc.call("getSlot")

        assert rpc.genesis_hash == GENESIS
        with pytest.raises(WrongChain):
            await rpc.endpoints[1].call("getSlot")


async def test_expecting_another_chain_than_the_one_that_answered_is_wrong():
    async with (
        scripted_node(getSlot=1) as node,
        client(node.url, expected_genesis=None) as rpc,
    ):
        rpc.expect(GENESIS)
        await rpc.call("getSlot")

        with pytest.raises(WrongChain):
            rpc.expect("Other")


async def test_a_node_replaced_by_another_chain_is_not_believed():
    before, after = ScriptedNode(), ScriptedNode()
    before.answers["getSlot"] = 1
    after.answers |= {"getSlot": 2, "getGenesisHash": "Other"}
    async with contextlib.AsyncExitStack() as stack:
        async with serve(before.handle) as port:
            rpc = await stack.enter_async_context(client(f"http://127.0.0.1:{port}"))
            assert await rpc.call("getSlot") == 1
        await stack.enter_async_context(serve(after.handle, port))

        with pytest.raises(WrongChain):
            await _until_connected(rpc)


async def test_nothing_is_asked_of_a_node_that_comes_back_as_another_chain():
    before, after = ScriptedNode(), ScriptedNode()
    before.answers["getSlot"] = 1
    after.answers |= {"getSlot": 2, "getGenesisHash": "Other"}
    async with contextlib.AsyncExitStack() as stack:
        async with serve(before.handle) as port:
            rpc = await stack.enter_async_context(client(f"http://127.0.0.1:{port}"))
            await rpc.call("getSlot")
        with pytest.raises(RpcUnavailable):
            await rpc.call("getSlot")
        await stack.enter_async_context(serve(after.handle, port))

        with pytest.raises(WrongChain):
            await rpc.call("getSlot")
    assert [method for method, _ in after.calls] == ["getGenesisHash"]


async def test_a_node_that_comes_back_is_checked_again_and_used():
    node = ScriptedNode()
    node.answers["getSlot"] = 1
    async with contextlib.AsyncExitStack() as stack:
        async with serve(node.handle) as port:
            rpc = await stack.enter_async_context(client(f"http://127.0.0.1:{port}"))
            await rpc.call("getSlot")
        await stack.enter_async_context(serve(node.handle, port))

        assert await _until_connected(rpc) == 1
        assert node.asked("getGenesisHash") == 2


async def _until_connected(rpc: RpcClient) -> Any:
    """Call until the lost connection was noticed: the first call may meet its end."""
    for _ in range(20):
        try:
            return await rpc.call("getSlot")
        except RpcUnavailable:
            continue
    raise AssertionError("never connected")
