"""How a web process takes connections, and writes what it built itself."""

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
from ordersite.prompt_tcp import PromptConnection, SharedPort

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


class Greeter(protocol.Factory):
    """Keeps the connections that were accepted."""

    def __init__(self) -> None:
        self.accepted: list[Any] = []

    def buildProtocol(self, addr: Any) -> Any:
        self.accepted.append(protocol.Protocol())
        return self.accepted[-1]


@pytest.fixture
def port() -> Iterator[Any]:
    make: Any = SharedPort
    port = make(0, Greeter(), interface="127.0.0.1", reactor=reactor)
    port.startListening()
    yield port
    for accepted in (port, *(one.transport for one in port.factory.accepted)):
        accepted.stopReading()
        accepted.socket.close()


def turns(port: Any) -> list[Any]:
    """Return what ends the turn of the others, as the loop would call it."""
    return [c for c in reactor.getDelayedCalls() if c.func == port._go_on]


def end_turn(port: Any) -> None:
    (turn,) = turns(port)
    go_on = turn.func
    turn.cancel()
    go_on()


def test_of_connections_that_wait_it_leaves_the_next_to_the_other_processes(
    port: Any,
):
    address = "127.0.0.1", port.getHost().port
    with socket.create_connection(address), socket.create_connection(address):
        port.doRead()
        assert len(port.factory.accepted) == 1
        assert port not in reactor.getReaders()

        end_turn(port)
        assert port in reactor.getReaders()

        port.doRead()
        assert len(port.factory.accepted) == 2
        assert port in reactor.getReaders()
        assert turns(port) == []


def test_a_port_that_was_closed_meanwhile_stays_closed(port: Any):
    address = "127.0.0.1", port.getHost().port
    with socket.create_connection(address), socket.create_connection(address):
        port.doRead()
        port.stopListening()
        end_turn(port)

        assert port not in reactor.getReaders()
