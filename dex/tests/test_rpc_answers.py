"""Whatever is no answer is an endpoint that is unavailable."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from dex.errors import RpcUnavailable

from .rpc_client import client, never
from .scripted_node import scripted_node


@pytest.mark.parametrize("status", [301, 400, 401, 429, 500, 503])
async def test_any_status_but_200_is_unavailable(status: int):
    async def reply(request: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        with pytest.raises(RpcUnavailable, match=f"HTTP status {status}"):
            await rpc.call("getSlot")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>busy</html>",
        "null",
        "7",
        '"text"',
        "[]",
        "[" * 100_000,
        '{"jsonrpc": "2.0", "id": 1}',
        '{"jsonrpc": "2.0", "id": 999, "result": "x"}',
        '{"jsonrpc": "2.0", "id": [1], "result": "x"}',
        '{"jsonrpc": "2.0", "id": 1, "error": "busy"}',
        '{"jsonrpc": "2.0", "id": 1, "result": {}}',
    ],
)
async def test_garbage_is_unavailable(text: str):
    async def reply(request: web.Request) -> web.Response:
        return web.Response(text=text)

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        # At once, that is: not by the time-out of those that nobody answers.
        with pytest.raises(
            RpcUnavailable, match=r"not JSON|without an answer|without a usable"
        ):
            await rpc.call("getSlot")


async def test_an_answer_cut_short_is_unavailable():
    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"jsonrpc"')
        assert request.transport is not None
        request.transport.close()
        return response

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        with pytest.raises(RpcUnavailable, match="ClientPayloadError"):
            await rpc.call("getSlot")


async def test_an_answer_beyond_the_size_limit_is_unavailable():
    async with (
        scripted_node(getSlot="x" * 3000) as node,
        client(node.url, max_answer_bytes=2000) as rpc,
    ):
        with pytest.raises(RpcUnavailable, match="longer than 2000 bytes"):
            await rpc.call("getSlot")


async def test_an_endpoint_that_never_answers_times_out():
    async with (
        scripted_node(getSlot=never) as node,
        client(node.url, timeout_s=0.05) as rpc,
    ):
        with pytest.raises(RpcUnavailable, match=r"no answer within 0\.05 s"):
            await rpc.call("getSlot")


async def test_closing_answers_whoever_still_waits():
    async with scripted_node(getSlot=never) as node, client(node.url) as rpc:
        waiting = asyncio.create_task(rpc.endpoints[0].call("getSlot"))
        while not node.asked("getSlot"):
            await asyncio.sleep(0)
        await rpc.close()

        with pytest.raises(RpcUnavailable, match="closed"):
            await waiting
