"""How web processes share the connections that wait, and how many of an address they take."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import daphne.server  # noqa: F401  # before the reactor: it chooses which
import pytest
from twisted.internet import protocol
from twisted.internet import reactor as chosen
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

from orders.access import open_sockets
from orders.shared_memory import make_memory
from ordersite import prompt_tcp
from ordersite.prompt_tcp import SharedPort
from ordersite.tally import BYTES_EACH, VARIABLE, Tally

reactor: Any = chosen


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
    memory = make_memory(2, BYTES_EACH)
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
