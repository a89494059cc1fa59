"""The frames that a web process builds and writes by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import daphne.server  # noqa: F401  # before the reactor: it chooses which
import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import protocol
from twisted.internet import reactor as chosen
from twisted.internet.testing import StringTransport

from ordersite.bounded_socket import text_frame
from ordersite.prompt_connection import PromptConnection

reactor: Any = chosen


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_a_text_frame_is_what_autobahn_sends(length: int):
    factory = WebSocketServerFactory()
    factory.protocol = WebSocketServerProtocol
    server: Any = factory.buildProtocol(None)
    transport = StringTransport()
    server.makeConnection(transport)
    server.state = server.STATE_OPEN
    payload = b"x" * length

    server.sendMessage(payload, isBinary=False)

    assert text_frame(payload) == transport.value()


@pytest.fixture
def pair() -> Iterator[tuple[Any, socket.socket]]:
    """A connection with 64 KiB in the kernel at most, and its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        connect: Any = PromptConnection
        connection = connect(ours, protocol.Protocol(), ("", 0), None, 1, reactor)
        yield connection, theirs
        connection.stopReading()
        connection.stopWriting()


def test_what_the_kernel_takes_is_written_at_once(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair

    connection.write(b"one")
    connection.write(b"two")

    assert theirs.recv(100) == b"onetwo"
    assert connection not in reactor.getWriters()


def test_what_the_kernel_does_not_take_follows_in_order(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair
    sent = [bytes([number]) * 50_000 for number in range(10)]

    for data in sent:
        connection.write(data)

    assert connection in reactor.getWriters()
    received = b""
    while len(received) < 500_000:
        received += theirs.recv(1_000_000)
        connection.doWrite()  # as the loop does while it can be written to
    assert received == b"".join(sent)
