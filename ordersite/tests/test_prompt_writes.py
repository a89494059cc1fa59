"""How a web process writes what it built itself: soon, in order, and by few calls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import daphne.server  # noqa: F401  # before the reactor: it chooses which
import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import protocol
from twisted.internet import reactor as chosen
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.testing import StringTransport

from ordersite.bounded_socket import text_frame
from ordersite.prompt_tcp import PromptConnection

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


async def end_of_round() -> None:
    await asyncio.sleep(0)


async def test_what_is_written_in_one_round_of_the_loop_goes_out_at_its_end_by_one_call(
    pair: tuple[Any, socket.socket], monkeypatch: pytest.MonkeyPatch
):
    connection, theirs = pair
    sent: list[bytes] = []
    send = connection.writeSomeData

    def counted(data: bytes) -> Any:
        sent.append(data)
        return send(data)

    monkeypatch.setattr(connection, "writeSomeData", counted)
    connection.write(b"one")
    connection.writeSequence([b"two", b"three"])
    await end_of_round()

    assert sent == [b"onetwothree"]
    assert theirs.recv(100) == b"onetwothree"
    assert connection not in reactor.getWriters()

    connection.write(b"four")
    await end_of_round()

    assert theirs.recv(100) == b"four"


async def test_what_the_kernel_does_not_take_follows_in_order(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair
    sent = [bytes([number]) * 50_000 for number in range(10)]

    for data in sent[:5]:
        connection.write(data)
    await end_of_round()
    for data in sent[5:]:
        connection.write(data)
    await end_of_round()

    assert connection in reactor.getWriters()
    received = b""
    while len(received) < 500_000:
        received += theirs.recv(1_000_000)
        connection.doWrite()  # as the loop does while it can be written to
    assert received == b"".join(sent)
    assert connection not in reactor.getWriters()


class Crowded:
    """A producer that is told when too much waits, and when there is room again."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")


async def test_a_connection_that_is_to_be_closed_is_closed_behind_all_that_was_written(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair
    producer = Crowded()
    connection.bufferSize = 10
    connection.registerProducer(producer, True)

    connection.write(b"more than fits")
    connection.loseConnection()
    await end_of_round()

    assert theirs.recv(100) == b"more than fits"
    assert producer.told == ["pause", "resume"]
    # The loop ends a connection that it is asked to write to and that has nothing.
    assert connection in reactor.getWriters()
    assert connection.doWrite() is CONNECTION_DONE


async def test_what_was_written_to_a_connection_that_is_broken_off_stays_unsent(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair
    theirs.setblocking(False)

    connection.write(b"one")
    connection.abortConnection()
    await end_of_round()

    assert connection not in reactor.getWriters()
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    (ending,) = [
        c for c in reactor.getDelayedCalls() if c.func == connection.connectionLost
    ]
    ending.cancel()


async def test_a_broken_connection_is_left_to_the_loop(
    pair: tuple[Any, socket.socket],
):
    connection, theirs = pair
    theirs.close()

    connection.write(b"one")
    await end_of_round()

    assert connection in reactor.getWriters()
    assert connection.doWrite() is CONNECTION_LOST
