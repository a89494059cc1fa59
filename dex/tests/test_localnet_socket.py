"""Localnet's WebSocket as a protocol: ids, errors, batches, limits."""

from __future__ import annotations

import asyncio
import json

import pytest

from .localnet_client import OTHER
from .socket_client import connected

SIGNATURE = "1" * 64
METHOD_NOT_FOUND = {"code": -32601, "message": "Method not found"}
UNKNOWN_ID = {"code": -32602, "message": "Invalid subscription id."}


@pytest.mark.parametrize("identity", [0, 7, "uuid-1", None])
async def test_any_id_is_echoed(socket, identity):
    body = {"jsonrpc": "2.0", "id": identity, "method": "slotSubscribe"}

    answer = await socket.post(body)

    assert answer == {"jsonrpc": "2.0", "result": 1, "id": identity}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", -32700),
        (b"\xff", -32700),
        ("[" * 4_000, -32700),
        ("[]", -32600),
        ("3", -32600),
        ({"id": 1, "method": "slotSubscribe"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "getHealth"}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "accountSubscribe"}, -32602),
    ],
)
async def test_malformed_message_is_answered_and_the_connection_goes_on(
    socket, body, code
):
    assert (await socket.post(body))["error"]["code"] == code
    assert await socket.call("slotSubscribe") == 1


async def test_binary_frame_counts_as_text(socket):
    body = {"jsonrpc": "2.0", "id": 3, "method": "rootSubscribe"}

    assert (await socket.post(json.dumps(body).encode()))["result"] == 1


async def test_batch_is_answered_in_order(socket):
    calls = [
        {"jsonrpc": "2.0", "id": "a", "method": "slotSubscribe"},
        {"jsonrpc": "2.0", "method": "ping"},  # web3.js keeps connections up with it
        {"jsonrpc": "2.0", "id": 2, "method": "slotUnsubscribe", "params": [1]},
    ]

    answers = await socket.post(calls)

    assert [(answer["id"], answer["result"]) for answer in answers] == [
        *(("a", 1), (2, True)),
    ]


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("accountSubscribe", ["?"], "Invalid Request: Invalid pubkey provided"),
        ("programSubscribe", ["?"], "Invalid Request: Invalid pubkey provided"),
        ("signatureSubscribe", ["?"], "Invalid Request: Invalid signature provided"),
        (
            "logsSubscribe",
            [{"mentions": ["?"]}],
            "Invalid Request: Invalid mentions provided",
        ),
        (
            "logsSubscribe",
            [{"mentions": [str(OTHER)] * 2}],
            "Invalid Request: Only 1 address supported",
        ),
        (
            "accountSubscribe",
            [str(OTHER), {"encoding": "base1"}],
            "Invalid params: encoding: unknown variant `base1`, expected one of "
            "`binary`, `base58`, `base64`, `jsonParsed`.",
        ),
        (
            "programSubscribe",
            [str(OTHER), {"filters": [{"dataSize": 1}] * 5}],
            "Too many filters provided; max 4",
        ),
    ],
)
async def test_bad_parameters_are_refused_with_the_words_of_real_nodes(
    socket, method, params, message
):
    refusal = await socket.call(method, *params)

    assert refusal == {"code": -32602, "message": message}


async def test_what_operators_rarely_switch_on_is_no_method_here(socket):
    assert await socket.call("blockSubscribe", "all") == METHOD_NOT_FOUND
    assert await socket.call("voteSubscribe") == METHOD_NOT_FOUND


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("account", [str(OTHER)]),
        ("program", [str(OTHER)]),
        ("logs", ["allWithVotes"]),
        ("signature", [SIGNATURE]),
        ("slot", []),
        ("root", []),
        ("slotsUpdates", []),
    ],
)
async def test_every_subscription_can_be_ended_once(socket, kind, params):
    identity = await socket.call(f"{kind}Subscribe", *params)

    assert await socket.call(f"{kind}Unsubscribe", identity) is True
    assert await socket.call(f"{kind}Unsubscribe", identity) == UNKNOWN_ID


@pytest.mark.parametrize("identity", [99, True, "1", None])
async def test_unknown_subscription_cannot_be_ended(socket, identity):
    await socket.call("slotSubscribe")

    assert await socket.call("slotUnsubscribe", identity) == UNKNOWN_ID


async def test_connections_do_not_end_each_others_subscriptions(localnet, socket):
    mine = await socket.call("slotSubscribe")

    async with connected(localnet) as other:
        assert await other.call("slotUnsubscribe", mine) == UNKNOWN_ID


async def test_ping_is_answered(socket):
    pong = await socket.connection.ping()
    async with asyncio.timeout(5):
        await pong
