"""What an endpoint may send: whose answers are believed, how large, how deep, how long."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from aiohttp import web

from dex.errors import RpcUnavailable

from .rpc_client import client
from .scripted_node import scripted_node


def entry(id_: Any, result: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "result": result}


@pytest.mark.parametrize(
    "answers",
    [
        [entry(2), entry(2, "other"), entry(99)],  # which is meant?
        [entry("2")],
        [entry(2.0)],
        [entry(True)],
        [entry(None)],
        [[entry(2)]],
        [entry(2) | {"error": "odd"}],
        [entry(2) | {"error": {"code": True}}],
        {"answers": [entry(2)]},
    ],
)
async def test_an_answer_that_is_not_clearly_that_of_the_call_is_none(answers: Any):
    async def reply(request: web.Request) -> web.Response:
        return web.json_response(answers)

    async with scripted_node(getSlot=1) as node, client(node.url) as rpc:
        await rpc.endpoints[0].call("getGenesisHash")  # calls 1 and 2
        rpc.endpoints[0]._last_id = 1
        node.replace = reply
        with pytest.raises(RpcUnavailable, match="without an answer"):
            await rpc.endpoints[0]._ask("getSlot", [])


async def test_entries_of_nobodys_calls_are_passed_over():
    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        odd = [entry(n) for n in range(10**6, 10**6 + 5_000)]
        return web.json_response([*odd, entry(body["id"], "well")])

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        assert await rpc.endpoints[0]._ask("getSlot", []) == "well"


async def test_an_answer_that_is_nested_too_deep_is_none():
    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        deep: Any = 1
        for _ in range(40):
            deep = [deep]
        return web.json_response(entry(body["id"], deep))

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        with pytest.raises(RpcUnavailable, match="without an answer"):
            await rpc.endpoints[0]._ask("getSlot", [])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_read(coding: str):
    async def reply(request: web.Request) -> web.Response:
        assert coding in request.headers["Accept-Encoding"]
        text = json.dumps(entry((await request.json())["id"], "x" * 100_000)).encode()
        packed = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
        return web.Response(body=packed, headers={"Content-Encoding": coding})

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        assert await rpc.endpoints[0]._ask("getSlot", []) == "x" * 100_000


@pytest.mark.parametrize("body", [gzip.compress(bytes(10**7)), b"no gzip"])
async def test_an_answer_that_unpacks_to_too_much_or_to_nothing_is_unavailable(
    body: bytes,
):
    async def reply(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async with (
        scripted_node() as node,
        client(node.url, max_answer_bytes=10**6) as rpc,
    ):
        node.replace = reply
        with pytest.raises(RpcUnavailable, match=r"longer than|not JSON"):
            await rpc.call("getSlot")


async def test_an_answer_that_drips_is_given_up_in_time():
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    async with scripted_node() as node, client(node.url, timeout_s=0.1) as rpc:
        node.replace = drip
        with pytest.raises(RpcUnavailable, match="no answer within"):
            await rpc.call("getSlot")


async def test_a_flood_of_headers_is_cut_off():
    async def flood(request: web.Request) -> web.Response:
        headers = {f"x-{n}": "y" * 100 for n in range(5_000)}
        return web.json_response({}, headers=headers)

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = flood
        with pytest.raises(RpcUnavailable, match="Error"):
            await rpc.call("getSlot")


async def test_a_redirect_is_not_followed():
    async with scripted_node(getSlot=1) as other, scripted_node() as node:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": other.url})

        node.replace = redirect
        async with client(node.url) as rpc:
            with pytest.raises(RpcUnavailable, match="HTTP status 307"):
                await rpc.call("getSlot")
        assert other.bodies == []
