"""What a client of localnet's WebSocket may do at most, and how its connections end."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from dex.localnet.sockets import feed, websocket
from dex.localnet.testing import running_localnet
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .localnet_client import OTHER
from .socket_client import Socket, connected, socket_url


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
