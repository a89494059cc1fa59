"""What a node writes: the database can store it and a log can show it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from aiohttp import web

from dex.errors import RpcRejected, RpcUnavailable

from .rpc_client import client
from .scripted_node import NodeError, scripted_node

ODD_TEXTS = [
    ("a\x00b", "a\\x00b"),
    ("a\nb", "a\\nb"),
    ("a\x1b[2Jb", "a\\x1b[2Jb"),
    ("a\ud800b", "a\\ud800b"),
    ("a\udfffb", "a\\udfffb"),
    ("a\u202eb", "a\\u202eb"),
    ("swap 🦀 ok", "swap 🦀 ok"),
    ('a "quoted" \\ word', 'a "quoted" \\ word'),
]


@pytest.mark.parametrize(("text", "shown"), ODD_TEXTS)
async def test_characters_that_cannot_be_stored_or_shown_are_escaped(
    text: str, shown: str
):
    answer = {"memo": text, text: [text, {"inner": text}]}
    async with scripted_node(getTransaction=answer) as node, client(node.url) as rpc:
        read = await rpc.call("getTransaction")

    assert read == {"memo": shown, shown: [shown, {"inner": shown}]}


@pytest.mark.parametrize(("text", "shown"), ODD_TEXTS)
async def test_the_words_of_a_rejection_can_be_stored(text: str, shown: str):
    def refuse(*_: Any) -> None:
        raise NodeError(-32602, text)

    async with scripted_node(getSlot=refuse) as node, client(node.url) as rpc:
        with pytest.raises(RpcRejected) as caught:
            await rpc.call("getSlot")

    assert str(caught.value) == f"{shown} (JSON-RPC -32602)"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
async def test_an_answer_that_is_not_utf_8_is_none(encoding: str):
    async def reply(request: web.Request) -> web.Response:
        answer = {"jsonrpc": "2.0", "id": 1, "result": "größe"}
        text = json.dumps(answer, ensure_ascii=False)
        return web.Response(body=text.encode(encoding))

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        with pytest.raises(RpcUnavailable, match="not JSON"):
            await rpc.call("getSlot")


async def test_no_text_is_slow_to_escape():
    async def reply(request: web.Request) -> web.Response:
        return web.Response(text='{"id":1,"result":"' + "a\x85" * 10**6 + '"}')

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = reply
        started_at = time.process_time()
        assert len(await rpc.endpoints[0]._ask("getHealth", [])) == 5 * 10**6

        assert time.process_time() - started_at < 0.5
