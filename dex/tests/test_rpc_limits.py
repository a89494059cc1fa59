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
from dex.solana.documents import read_document
from dex.solana.health import FAILURES_TO_OPEN, Circuit

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
        odd = [entry(n) for n in range(10**6, 10**6 + 1_000)]
        return web.json_response([*odd, entry(body["id"], "well")])

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        assert await rpc.endpoints[0]._ask("getHealth", []) == "well"


async def test_an_answer_that_is_nested_too_deep_is_none():
    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        deep: Any = 1
        for _ in range(40):
            deep = ["]}\\", deep]  # a text does not end a list
        return web.json_response(entry(body["id"], deep))

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        with pytest.raises(RpcUnavailable, match="is not JSON"):
            await rpc.endpoints[0]._ask("getSlot", [])


@pytest.mark.parametrize(("levels", "is_read"), [(32, True), (33, False)])
def test_the_deepest_document_that_is_read(levels: int, is_read: bool):
    document = '[{"[":' * (levels // 2) + "[" * (levels % 2)
    document += "]" * (levels % 2) or "1"
    document += "}]" * (levels // 2)

    if is_read:
        assert read_document(document.encode(), calls=1) == json.loads(document)
    else:
        with pytest.raises(ValueError, match="too deep"):
            read_document(document.encode(), calls=1)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_read(coding: str):
    async def reply(request: web.Request) -> web.Response:
        assert coding in request.headers["Accept-Encoding"]
        text = json.dumps(entry((await request.json())["id"], "x" * 100_000)).encode()
        packed = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
        return web.Response(body=packed, headers={"Content-Encoding": coding})

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        assert await rpc.endpoints[0]._ask("getHealth", []) == "x" * 100_000


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


def unpacked_from_little(unit: bytes, kibibytes: int) -> bytes:
    """A list of `unit`s as answer to the next call; 4 MiB of lists pack to 4 kB."""
    count = kibibytes * 2**10 // (len(unit) + 1)
    listed = b",".join([unit] * count)
    return b'{"jsonrpc":"2.0","id":2,"result":[' + listed + b"]}"


@pytest.mark.parametrize("kibibytes", [100, 1_000, 5_000])
@pytest.mark.parametrize("unit", [b"[]", b"{}", b"0"])
async def test_a_short_answer_that_unpacks_to_millions_of_values_is_not_read(
    unit: bytes, kibibytes: int
):
    packed = gzip.compress(unpacked_from_little(unit, kibibytes), 1)

    async def reply(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with scripted_node(getSlot=1) as node, client(node.url) as rpc:
        endpoint = rpc.endpoints[0]
        await endpoint.call("getSlot")  # calls 1 and 2
        endpoint._last_id = 1
        node.replace = reply
        with pytest.raises(RpcUnavailable, match=r"longer than|not JSON"):
            await endpoint.call("getSignaturesForAddress")


async def test_the_longest_honest_answers_are_read():
    signatures = [
        {
            "signature": "5" * 88,
            "slot": 300_000_000 + n,
            "err": {"InstructionError": [2, {"Custom": 6005}]},
            "memo": "[40] " + "x" * 500,
            "blockTime": 1_700_000_000,
            "confirmationStatus": "finalized",
            "transactionIndex": 1,
        }
        for n in range(1_000)
    ]
    bin_array = {"data": ["x" * 13_516, "base64"], "owner": "4" * 44, "lamports": 1}
    accounts = {"context": {"slot": 1}, "value": [bin_array] * 100}
    async with (
        scripted_node(
            getSignaturesForAddress=signatures, getMultipleAccounts=accounts
        ) as node,
        client(node.url) as rpc,
    ):
        assert await rpc.call("getSignaturesForAddress") == signatures
        answers = await asyncio.gather(
            *(rpc.call("getMultipleAccounts") for _ in range(10))
        )

    assert answers == [accounts] * 10


GIVEN: dict[str, list[Any]] = {
    "getSlot": [[[]] * 100, -1, True, None, "7"],
    "getBlockHeight": [[], 1.5],
    "getSignatureStatuses": [[[]] * 100, {}, {"context": {}, "value": []}],
    "getMultipleAccounts": [{"context": {"slot": 1}}, "x"],
    "getLatestBlockhash": [{"context": {"slot": 2**63}, "value": {}}],
    "getSignaturesForAddress": [{}, None],
    "getTransaction": [[], "x"],
    "getEpochInfo": [None, []],
    "sendTransaction": [None, {}],
}


@pytest.mark.parametrize("method", GIVEN)
async def test_a_node_whose_results_have_no_use_is_given_a_rest(method: str):
    async with scripted_node() as node, client(node.url) as rpc:
        endpoint = rpc.endpoints[0]
        for n in range(FAILURES_TO_OPEN):
            node.answers[method] = GIVEN[method][n % len(GIVEN[method])]
            with pytest.raises(RpcUnavailable, match="without a usable answer"):
                await endpoint.call(method)

        assert endpoint.health.circuit is Circuit.OPEN


@pytest.mark.parametrize(
    "text",
    [
        b'"' + rb"\\" * 2_000_000 + b'"',
        b'["",' + b'"",' * 1_000_000 + b"1]",
        b'"' * 4_000_000,
        b"[]" * 2_000_000,
    ],
    ids=["escapes", "texts", "quotes", "lists"],
)
def test_what_costs_much_to_look_through_is_refused_before_it_is_read(text: bytes):
    with pytest.raises(ValueError, match="too many"):
        read_document(text, calls=25)
