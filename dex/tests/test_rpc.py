from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from dex.errors import RpcRejected, RpcUnavailable, WrongChain
from dex.solana.rpc import RpcClient

from .scripted_node import GENESIS, NodeError, ScriptedNode, scripted_node, serve


@contextlib.asynccontextmanager
async def client(*urls: str, **options: Any) -> AsyncIterator[RpcClient]:
    settings: dict[str, Any] = {
        "timeout_s": 2.0,
        "batch_size": 25,
        "expected_genesis": GENESIS,
    }
    rpc = RpcClient(urls, **settings | options)
    try:
        yield rpc
    finally:
        await rpc.close()


async def test_calls_made_at_once_share_one_request():
    async with scripted_node(getSlot=lambda n: n * 2) as node, client(node.url) as rpc:
        results = await asyncio.gather(*(rpc.call("getSlot", [n]) for n in range(60)))

    assert results == [n * 2 for n in range(60)]
    assert node.bodies[0] == ["getGenesisHash"]
    assert [len(body) for body in node.bodies[1:4]] == [25, 25, 10]


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
        with pytest.raises(RpcUnavailable):
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
            endpoint._ask("getSlot", [1]),
            endpoint._ask("getSlot", [2]),
            return_exceptions=True,
        )

    assert results[0] == [1]
    assert isinstance(results[1], RpcUnavailable)
    assert "RPC_BATCH_SIZE=1" in str(results[1])


async def test_an_endpoint_that_never_answers_times_out():
    async with (
        scripted_node(getSlot=_never) as node,
        client(node.url, timeout_s=0.05) as rpc,
    ):
        with pytest.raises(RpcUnavailable, match=r"no answer within 0\.05 s"):
            await rpc.call("getSlot")


async def test_a_json_rpc_error_about_the_request_is_rejected_without_fall_over():
    def refuse() -> None:
        raise NodeError(-32602, "Invalid params", {"why": "x"})

    async with (
        scripted_node(getSlot=refuse) as first,
        scripted_node(getSlot=5) as second,
        client(first.url, second.url) as rpc,
    ):
        with pytest.raises(RpcRejected, match="Invalid params") as caught:
            await rpc.call("getSlot")

    assert (caught.value.rpc_code, caught.value.data) == (-32602, {"why": "x"})
    assert second.calls == []


@pytest.mark.parametrize("code", [-32005, -32016, -32603, -32004, -32011, -32019, 429])
async def test_a_node_that_is_behind_or_busy_is_passed_over(code: int):
    def refuse() -> None:
        raise NodeError(code, "not now")

    async with (
        scripted_node(getSlot=refuse) as first,
        scripted_node(getSlot=5) as second,
        client(first.url, second.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 5


async def test_an_endpoint_that_is_down_stops_nobody():
    async with (
        scripted_node(getSlot=5) as node,
        client("http://127.0.0.1:9/", node.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 5
        assert rpc.endpoints[0].failed_within(60)
        assert rpc.endpoints[0].error.endswith("ClientConnectorError")


async def test_a_failed_endpoint_is_asked_after_the_others():
    async with (
        scripted_node(getSlot=1) as first,
        scripted_node(getSlot=2) as second,
        client(first.url, second.url) as rpc,
    ):
        rpc.endpoints[0].mark_slow()

        assert await rpc.call("getSlot") == 2
        assert first.calls == []


async def test_a_slow_endpoint_does_not_keep_the_next_from_answering():
    async with (
        scripted_node(getSlot=_never) as first,
        scripted_node(getSlot=2) as second,
        client(first.url, second.url, timeout_s=60, patience_s=0.02) as rpc,
    ):
        assert await rpc.call("getSlot") == 2
        assert rpc.endpoints[0].error == "slow to answer"


async def test_unavailable_names_each_endpoint_and_its_reason():
    async with client("http://127.0.0.1:9/a", "http://127.0.0.1:19/b") as rpc:
        with pytest.raises(RpcUnavailable) as caught:
            await rpc.call("getSlot")

    assert "127.0.0.1:9: " in str(caught.value)
    assert "127.0.0.1:19: " in str(caught.value)


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


async def test_two_urls_of_one_host_are_one_witness(caplog: pytest.LogCaptureFixture):
    async with client("http://node:8899/a?key=1", "http://node:8899/b?key=2") as rpc:
        assert [endpoint.name for endpoint in rpc.endpoints] == ["node:8899"]
    assert "node:8899 is listed twice" in caplog.text


def test_no_endpoint_at_all_is_refused():
    with pytest.raises(ValueError, match="SOLANA_RPC_URLS"):
        RpcClient([], timeout_s=1, batch_size=1, expected_genesis=None)


@pytest.mark.parametrize("url", ["", "node:8899", "ws://node:8900", "http://"])
def test_what_is_no_http_url_is_refused_without_showing_it(url: str):
    with pytest.raises(ValueError, match="no http") as caught:
        RpcClient([url + "?k=s3cret"], timeout_s=1, batch_size=1, expected_genesis=None)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("failure", ["status", "down", "slow", "garbage", "chain"])
async def test_no_error_or_log_shows_the_key(
    failure: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)

    async def reply(request: web.Request) -> web.Response:
        if failure == "slow":
            await asyncio.Event().wait()
        return web.Response(text="?", status=500 if failure == "status" else 200)

    async with scripted_node() as node:
        url = "http://me:s3cret@127.0.0.1:9/s3cret" if failure == "down" else node.url
        if failure == "chain":
            node.answers["getGenesisHash"] = "Other"
        else:
            node.replace = reply
        async with client(url, timeout_s=0.1) as rpc:
            with pytest.raises((RpcUnavailable, WrongChain)) as caught:
                await rpc.call("getSlot")

    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown + repr(rpc.endpoints) + rpc.endpoints[0].error
    assert "s3cret" not in caplog.text


async def test_closing_answers_whoever_still_waits():
    async with scripted_node(getSlot=_never) as node, client(node.url) as rpc:
        waiting = asyncio.create_task(rpc.endpoints[0].call("getSlot"))
        while not node.asked("getSlot"):
            await asyncio.sleep(0)
        await rpc.close()

        with pytest.raises(RpcUnavailable, match="closed"):
            await waiting


async def _never() -> None:
    await asyncio.Event().wait()


async def _until_connected(rpc: RpcClient) -> Any:
    """Call until the lost connection was noticed: the first call may meet its end."""
    for _ in range(20):
        try:
            return await rpc.call("getSlot")
        except RpcUnavailable:
            continue
    raise AssertionError("never connected")
