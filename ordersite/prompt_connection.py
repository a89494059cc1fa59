"""A TCP connection of Twisted that writes at once what the kernel takes.

Twisted keeps what it is to write until the event loop says that the connection takes
more. For an event of an order that is a round of the loop, and two calls that tell the
kernel what to watch, for a few hundred bytes that it would have taken anyway.
"""

from __future__ import annotations

from twisted.internet.tcp import Server


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
