"""How a web process accepts TCP connections and writes to them.

Several processes accept from one socket. Twisted takes all connections that wait, so that
the first to look would get nearly all of those that come at once, and serve them slowly
while the others idle. Here each takes one, and leaves the next to the others for a moment.

Twisted keeps what it is to write until the event loop says that the connection takes
more. For an event of an order that is a round of the loop, and two calls that tell the
kernel what to watch, for a few hundred bytes that it would have taken anyway.
"""

from __future__ import annotations

import select

from twisted.internet.tcp import Port, Server

TURN_S = 0.001  # for the other processes


class PromptConnection(Server):
    """Keeps only what the kernel does not take, and what comes behind that."""

    def write(self, data: bytes) -> None:
        is_idle = not (self._tempDataBuffer or self.dataBuffer)
        if is_idle and self.connected and not (self.disconnecting or self.TLS):
            written = self.writeSomeData(data)
            # A broken connection is found again, and ended, by the loop.
            if isinstance(written, int):
                data = data[written:]
        super().write(data)  # type: ignore[no-untyped-call]


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
