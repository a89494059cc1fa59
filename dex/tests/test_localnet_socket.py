"""Localnet's WebSocket as a protocol: ids, errors, batches, limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from dex.localnet.sockets import feed, websocket
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .localnet_client import OTHER, WALLET
from .socket_client import Socket, connected, socket_url

SIGNATURE = "1" * 64
METHOD_NOT_FOUND = {"code": -32601, "message": "Method not found"}
UNKNOWN_ID = {"code": -32602, "message": "Invalid subscription id."}


@pytest.fixture
async def localnet() -> AsyncIterator[RunningLocalnet]:
    async with running_localnet(
        nodes=1, slot_time_s=3600, fund=[WALLET.pubkey()]
    ) as found:
        yield found


@pytest.fixture
async def socket(localnet: RunningLocalnet) -> AsyncIterator[Socket]:
    async with connected(localnet) as opened:
        yield opened


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


async def test_too_large_message_ends_the_connection(socket):
    await socket.connection.send(" " * (websocket.MAX_MESSAGE_BYTES + 1))

    with pytest.raises(ConnectionClosed) as closed:
        await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_connection_has_a_limit_of_subscriptions(socket, monkeypatch):
    monkeypatch.setattr(websocket, "MAX_SUBSCRIPTIONS", 2)
    first = await socket.call("rootSubscribe")
    await socket.call("rootSubscribe")

    refusal = await socket.call("rootSubscribe")
    await socket.call("rootUnsubscribe", first)

    assert refusal["code"] == -32603
    assert refusal["message"].endswith("Node subscription limit reached")
    assert await socket.call("rootSubscribe") == 3


async def test_subscriptions_that_are_over_do_not_count(localnet, socket, monkeypatch):
    monkeypatch.setattr(websocket, "MAX_SUBSCRIPTIONS", 1)
    signature = localnet.control("requestAirdrop", str(OTHER), 10**9)

    for _ in range(3):
        identity = await socket.call(
            "signatureSubscribe", signature, {"commitment": "processed"}
        )
        assert (await socket.notification(identity))["value"] == {"err": None}


async def test_ping_is_answered(socket):
    pong = await socket.connection.ping()
    async with asyncio.timeout(5):
        await pong


async def test_nothing_runs_for_a_node_to_which_nobody_subscribes(localnet, socket):
    def followers() -> list[str]:
        names = [task.get_name() for task in asyncio.all_tasks()]
        return [name for name in names if name.startswith("slots of")]

    before = followers()
    identity = await socket.call("slotSubscribe")
    during = followers()
    await socket.call("slotUnsubscribe", identity)

    assert (before, during, followers()) == ([], ["slots of node 0"], [])


async def test_client_that_never_says_goodbye_does_not_hold_up_the_end():
    async with running_localnet(nodes=1) as localnet:
        host, port = socket_url(localnet.urls[0])[5:-1].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localnet\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b"101 Switching" in await reader.readuntil(b"\r\n\r\n")
        began = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - began < 5
    writer.transport.abort()


async def test_client_that_does_not_read_is_cut_off(localnet, monkeypatch):
    monkeypatch.setattr(websocket, "MAX_UNREAD_BYTES", 2_000_000)
    ledger = localnet.ledger
    async with websockets.connect(
        socket_url(localnet.urls[0]), max_queue=1, max_size=None, close_timeout=1
    ) as connection:
        wanted = {"encoding": "base64", "commitment": "processed"}
        await Socket(connection).call("accountSubscribe", str(OTHER), wanted)

        for lamports in range(1, 17):
            big = Account(SYSTEM_PROGRAM, lamports * 10**9, bytes(1_000_000))
            ledger.put([(OTHER, big)])
            ledger.commit()
            await asyncio.sleep(0)

        with pytest.raises(ConnectionClosed) as closed:
            await _read(connection, 16)
    assert closed.value.rcvd is None  # without a word
    async with connected(localnet) as another:
        assert await another.call("slotSubscribe") == 2


async def _read(connection, messages: int) -> None:
    for _ in range(messages):
        await connection.recv()


async def test_subscription_that_holds_back_too_much_ends_its_connection(
    localnet, socket, monkeypatch
):
    monkeypatch.setattr(feed, "MOST_WAITING", 2)
    await socket.call("logsSubscribe", "all")  # finalized, and no slot comes

    for _ in range(3):
        localnet.control("requestAirdrop", str(OTHER), 10**9)

    with pytest.raises(ConnectionClosed):
        await socket.receive()
