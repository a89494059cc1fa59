"""How a web process takes connections, and writes what it built itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
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
from twisted.python.failure import Failure

from orders.access import open_sockets
from ordersite import prompt_tcp
from ordersite.bounded_socket import text_frame
from ordersite.prompt_tcp import PromptConnection, SharedPort
from ordersite.tally import VARIABLE, Tally, shared_memory

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


class Greeter(protocol.Factory):
    """Keeps the connections that were accepted."""

    def __init__(self) -> None:
        self.accepted: list[Any] = []

    def buildProtocol(self, addr: Any) -> Any:
        self.accepted.append(protocol.Protocol())
        return self.accepted[-1]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A port that takes one connection in a turn."""
    monkeypatch.setattr(prompt_tcp, "AT_ONCE", 1)
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


def test_it_takes_no_more_than_a_few_of_them_in_a_turn(
    port: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prompt_tcp, "AT_ONCE", 4)
    address = "127.0.0.1", port.getHost().port
    with contextlib.ExitStack() as clients:
        for _ in range(6):
            clients.enter_context(socket.create_connection(address))
        port.doRead()
        assert len(port.factory.accepted) == 4

        end_turn(port)
        port.doRead()
        assert len(port.factory.accepted) == 6


@pytest.fixture
def fuller(port: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A port that has one connection more than another, and patience for three turns."""
    monkeypatch.setattr(prompt_tcp, "TURNS", 3)
    port._turns_left = 3
    memory = shared_memory(2)
    port.tally = Tally.of({VARIABLE: f"{memory}:0"})
    port.tally.opened()
    yield port
    os.close(memory)


def test_who_has_more_leaves_it_to_the_others_until_they_had_their_turns(fuller: Any):
    port = fuller
    address = "127.0.0.1", port.getHost().port
    with socket.create_connection(address), socket.create_connection(address):
        for _ in range(2):
            port.doRead()
            assert port.factory.accepted == []
            end_turn(port)

        port.doRead()
        assert len(port.factory.accepted) == 1
        # The others are away, as it seems: it does not wait for them again at once.
        end_turn(port)
        port.doRead()
        assert len(port.factory.accepted) == 2
        assert port.tally.mine == 3


def test_who_waited_in_vain_waits_again_after_a_while(
    fuller: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prompt_tcp, "IMPATIENT_S", 0)
    port = fuller
    address = "127.0.0.1", port.getHost().port
    for accepted in range(2):
        with socket.create_connection(address):
            for _ in range(2):
                port.doRead()
                assert len(port.factory.accepted) == accepted
                end_turn(port)
            port.doRead()
            assert len(port.factory.accepted) == accepted + 1


def test_what_others_took_meanwhile_gives_it_its_patience_back(fuller: Any):
    port = fuller
    address = "127.0.0.1", port.getHost().port
    for _ in range(5):
        with socket.create_connection(address):
            port.doRead()
            port.socket.accept()[0].close()  # as another process does
            end_turn(port)

    assert port.factory.accepted == []


def test_a_connection_counts_until_it_is_closed(port: Any):
    address = "127.0.0.1", port.getHost().port
    before = port.tally.mine
    with socket.create_connection(address):
        port.doRead()
        assert port.tally.mine == before + 1

        port.factory.accepted.pop().transport.connectionLost(Failure(CONNECTION_DONE))

    assert port.tally.mine == before


@pytest.fixture
def one_place(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One connection of an address may stay, and one more hears why it may not."""
    settings.CONNECTIONS_PER_ADDRESS = 1
    monkeypatch.setattr(open_sockets, "REFUSED_AT_ONCE", 1)
    open_sockets.open_sockets.cache_clear()
    yield
    open_sockets.open_sockets.cache_clear()


def connections(port: Any, count: int) -> list[Any]:
    """Let so many clients connect, one after the other; return our ends."""
    address = "127.0.0.1", port.getHost().port
    before = len(port.factory.accepted)
    for _ in range(count):
        with socket.create_connection(address):
            port.doRead()
    return [one.transport for one in port.factory.accepted[before:]]


@pytest.mark.usefixtures("one_place")
def test_an_address_has_so_many_connections_and_a_flood_of_it_hears_nothing(port: Any):
    first, second, third = connections(port, 3)

    assert first.refusal is None
    assert second.refusal.code == "too_many_connections"
    assert (third.refusal, third._aborting) == (None, True)
    for gone in (first, second, third):
        gone.connectionLost(Failure(CONNECTION_DONE))
    port.factory.accepted.clear()
    (ending,) = [c for c in reactor.getDelayedCalls() if c.func == third.connectionLost]
    ending.cancel()
    (again,) = connections(port, 1)
    assert (again.refusal, again._aborting) == (None, False)


@pytest.mark.usefixtures("one_place")
def test_a_trusted_proxy_has_as_many_connections_as_it_likes(port: Any, settings: Any):
    settings.TRUSTED_PROXIES = 1

    assert [one.refusal for one in connections(port, 3)] == [None] * 3
    assert not any(one._aborting for one in connections(port, 3))


def test_a_port_that_was_closed_meanwhile_stays_closed(port: Any):
    address = "127.0.0.1", port.getHost().port
    with socket.create_connection(address), socket.create_connection(address):
        port.doRead()
        port.stopListening()
        end_turn(port)

        assert port not in reactor.getReaders()
