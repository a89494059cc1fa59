"""How a web process accepts TCP connections and writes to them.

Several processes accept from one socket. Twisted takes all connections that wait, so that
the first to look would get nearly all of those that come at once, and serve them slowly
while the others idle. Here each takes a few at a time, and who has more than another
leaves the next to that one for a moment.

Twisted keeps what it is to write until the event loop says that the connection takes
more: a round of the loop, and two calls that tell the kernel what to watch. Here what is
written during one round goes out by one call at its end, headers with their body, the
last event with the close frame; the loop watches only what the kernel did not take.

An address has CONNECTIONS_PER_ADDRESS at most, over all processes. Behind trusted proxies
all connections are theirs, so none are counted.
"""

from __future__ import annotations

import asyncio
import select
import time
from typing import Any

from django.conf import settings
from twisted.internet.tcp import Port, Server

from orders.access.addresses import client_address
from orders.access.open_sockets import Places, too_many_connections
from orders.problems import Problem

from .tally import Tally

TURN_S = 0.001  # for the other processes
# Connections taken in a turn. By ones the last of a hundred would wait for fifty rounds of
# a busy loop.
AT_ONCE = 4
# Who has the most takes it after so many turns, for the others may be away or stand still,
TURNS = 50
# and does not wait for them again for so long.
IMPATIENT_S = 1.0


class PromptConnection(Server):
    """Writes at the end of the round, and keeps only what the kernel does not take."""

    _writes_soon = False
    _host: Any = None

    tally: Tally | None = None  # in which it counts
    places: Places | None = None  # of its address
    refusal: Problem | None = None  # why it may not stay

    def take_place(self, host: str) -> None:
        """Count among the connections of an address; be refused if they are too many."""
        address = client_address(host, "")
        self.places = Places()
        if self.places.take_of_connections(address):
            return
        if self.places.is_flooded(address):
            self.abortConnection()  # type: ignore[no-untyped-call]
            return
        self.places.refuse(address)
        self.refusal = too_many_connections(settings.CONNECTIONS_PER_ADDRESS)

    def connectionLost(self, reason: Any) -> None:
        if self.places is not None:
            self.places.give_back()
        if self.tally is not None:
            self.tally.closed()
            self.tally = None
        super().connectionLost(reason)

    def startWriting(self) -> None:
        """Called when there is something to write, or the connection is to be closed."""
        if self.dataBuffer:  # the kernel is full
            super().startWriting()  # type: ignore[no-untyped-call]
        elif not self._writes_soon:
            self._writes_soon = True
            asyncio.get_running_loop().call_soon(self._write_all)

    def _write_all(self) -> None:
        self._writes_soon = False
        if not self.connected or self._aborting:
            return
        failure = self.doWrite()  # type: ignore[no-untyped-call]
        # What remains, a broken connection and the end of one are matters of the loop.
        if failure or self.dataBuffer or self.disconnecting:
            super().startWriting()  # type: ignore[no-untyped-call]

    def getHost(self) -> Any:
        """Return our address, asking the kernel only once."""
        if self._host is None:
            self._host = super().getHost()  # type: ignore[no-untyped-call]
        return self._host


class SharedPort(Port):
    """Accepts from a socket that other processes accept from as well."""

    tally = Tally.of({})
    _turns_left = TURNS
    _impatient_until = 0.0

    def transport(  # type: ignore[override]
        self, *arguments: Any
    ) -> PromptConnection:
        """Called to make a connection of what was accepted."""
        make: Any = PromptConnection
        connection: PromptConnection = make(*arguments)
        connection.tally = self.tally
        self.tally.opened()
        if not settings.TRUSTED_PROXIES:
            host, *_ = arguments[2]
            connection.take_place(host)
        return connection

    def doRead(self) -> None:
        """Called when a connection waits."""
        if self._is_for_another():
            self._leave()
            return
        self.numberAccepts = AT_ONCE
        super().doRead()  # type: ignore[no-untyped-call]
        if self._more_wait():
            self._leave()

    def _is_for_another(self) -> bool:
        now = time.monotonic()
        if now < self._impatient_until or not self.tally.is_above_another():
            return False
        self._turns_left -= 1
        if self._turns_left > 0:
            return True
        self._turns_left, self._impatient_until = TURNS, now + IMPATIENT_S
        return False

    def _leave(self) -> None:
        self.stopReading()  # type: ignore[no-untyped-call]
        self.reactor.callLater(TURN_S, self._go_on)

    def _more_wait(self) -> bool:
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        return bool(waiting.poll(0))

    def _go_on(self) -> None:
        if self.connected and not self.disconnecting:
            if not self._more_wait():
                self._turns_left = TURNS
            self.startReading()  # type: ignore[no-untyped-call]
