"""The URLs of endpoints: checked, one witness for each host, and never shown."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from aiohttp import web

from dex.errors import RpcUnavailable, WrongChain
from dex.solana.rpc import RpcClient

from .rpc_client import client
from .scripted_node import scripted_node


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
    assert "s3cret" not in shown + repr(rpc.endpoints) + rpc.endpoints[0].health.error
    assert "s3cret" not in caplog.text
