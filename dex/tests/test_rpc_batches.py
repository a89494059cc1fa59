"""Calls made at once share a request, and fail alone."""

from __future__ import annotations

import asyncio

from aiohttp import web

from dex.errors import RpcUnavailable

from .rpc_client import client
from .scripted_node import scripted_node


async def test_calls_made_at_once_share_one_request():
    async with scripted_node(getSlot=lambda n: n * 2) as node, client(node.url) as rpc:
        results = await asyncio.gather(*(rpc.call("getSlot", [n]) for n in range(60)))

    assert results == [n * 2 for n in range(60)]
    assert node.bodies[0] == ["getGenesisHash"]
    assert [len(body) for body in node.bodies[1:4]] == [25, 25, 10]


async def test_few_readings_of_accounts_share_a_request_for_their_answers_are_long():
    answer = {"context": {"slot": 1}, "value": []}
    async with (
        scripted_node(getMultipleAccounts=answer, getSlot=1) as node,
        client(node.url) as rpc,
    ):
        readings = [rpc.call("getMultipleAccounts") for _ in range(5)]
        await asyncio.gather(*readings, rpc.call("getSlot"))

    assert [len(body) for body in node.bodies[1:4]] == [2, 2, 2]


async def test_batch_size_one_sends_no_batches():
    async with (
        scripted_node(getSlot=7) as node,
        client(node.url, batch_size=1) as rpc,
    ):
        results = await asyncio.gather(*(rpc.call("getSlot") for _ in range(5)))

    assert results == [7] * 5
    assert {len(body) for body in node.bodies} == {1}


async def test_calls_gather_while_all_connections_are_busy():
    release = asyncio.Event()

    async def slot(n: int) -> int:
        if n == 0:
            await release.wait()
        return n

    async with (
        scripted_node(getSlot=slot) as node,
        client(node.url, connections=1) as rpc,
    ):
        first = asyncio.create_task(rpc.call("getSlot", [0]))
        while node.asked("getSlot") < 1:
            await asyncio.sleep(0)
        later = []
        for n in range(1, 6):
            later.append(asyncio.create_task(rpc.call("getSlot", [n])))
            await asyncio.sleep(0)
        release.set()

        assert await first == 0
        assert await asyncio.gather(*later) == [1, 2, 3, 4, 5]
        assert node.bodies[2] == ["getSlot"] * 5


async def test_a_batch_with_a_missing_answer_fails_only_that_call():
    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        answered = [
            {"jsonrpc": "2.0", "id": e["id"], "result": e["params"]} for e in body
        ]
        return web.json_response(answered[:-1])

    async with scripted_node(getSlot=1) as node, client(node.url) as rpc:
        await rpc.call("getSlot")
        node.replace = reply
        endpoint = rpc.endpoints[0]
        results = await asyncio.gather(
            endpoint._ask("getHealth", [1]),
            endpoint._ask("getHealth", [2]),
            return_exceptions=True,
        )

    assert results[0] == [1]
    assert isinstance(results[1], RpcUnavailable)
    assert "RPC_BATCH_SIZE=1" in str(results[1])
