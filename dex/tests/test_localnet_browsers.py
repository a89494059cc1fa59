"""What a page in a browser, and a person with one, meet at a node's address."""

from __future__ import annotations

from .localnet_client import client

__all__ = ["client"]


async def test_every_origin_may_call_a_node(client):
    url = client.localnet.urls[0]
    asked = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,solana-client",
    }

    async with client.session.options(url, headers=asked) as allowed:
        headers = allowed.headers
        assert allowed.status == 200
    body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
    async with client.session.post(url, json=body) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
    assert headers["Access-Control-Allow-Headers"] == "content-type,solana-client"
    assert headers["Access-Control-Max-Age"] == "86400"


async def test_get_is_answered_with_what_to_do_instead(client):
    async with client.session.get(client.localnet.urls[0]) as answer:
        text = await answer.text()

    assert answer.status == 405
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert "POST requests here" in text


async def test_body_that_is_nested_too_deep_is_no_json(client):
    answer = await client.post(b"[" * 50_000)

    assert answer["error"] == {"code": -32700, "message": "Parse error"}
