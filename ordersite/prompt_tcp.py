"""How a web process accepts TCP connections and writes to them.

Several processes accept from one socket. Twisted takes all connections that wait, so that
the first to look would get nearly all of those that come at once, and serve them slowly
while the others idle. Here each takes one, and leaves the next to the others for a moment.

Twisted keeps what it is to write until the event loop says that the connection takes
more: a round of the loop, and two calls that tell the kernel what to watch. Here what is
written during one round goes out by one call at its end, headers with their body, the
last event with the close frame; the loop watches only what the kernel did not take.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any

from twisted.internet.tcp import Port, Server

TURN_S = 0.001  # for the other processes


class PromptConnection(Server):
    """Writes at the end of the round, and keeps only what the kernel does not take."""

    _writes_soon = False
    _host: Any = None

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

    transport = PromptConnection

    def doRead(self) -> None:
        """Called when a connection waits."""
        self.numberAccepts = 1
        super().doRead()  # type: ignore[no-untyped-call]
        if self._more_wait():
            self.stopReading()  # type: ignore[no-untyped-call]
            self.reactor.callLater(TURN_S, self._go_on)

    def _more_wait(self) -> bool:
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        return bool(waiting.poll(0))

    def _go_on(self) -> None:
        if self.connected and not self.disconnecting:
            self.startReading()  # type: ignore[no-untyped-call]
