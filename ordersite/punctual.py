"""An HTTP connection that a client cannot hold for nothing.

Twisted closes a connection on which nothing comes for a minute. So a byte now and then
would hold one for hours, and so would answers that nobody reads. Here a request arrives
as a whole within REQUEST_ARRIVAL_S, and answers are read within SOCKET_STALL_S.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from django.conf import settings
from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

logger = logging.getLogger(__name__)

TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)
# For the answer to get out.
LINGER_S = 1.0


class PunctualChannel(HTTPChannel):
    """Takes one request after another, each within its time."""

    transport: Any
    _arrival: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        # What is still to come of a request; a whole one is handled as soon as it is there.
        if self._handlingRequest:
            self._stop("_arrival")
        elif self._arrival is None and settings.REQUEST_ARRIVAL_S:
            self._arrival = _later(settings.REQUEST_ARRIVAL_S, self._too_slow)

    def pauseProducing(self) -> None:
        """Called when the client does not read its answers."""
        super().pauseProducing()  # type: ignore[no-untyped-call]
        # A streamed answer has a clock of its own.
        if self._reading is None and self._requestProducer is None:
            self._reading = _later(settings.SOCKET_STALL_S, self._unread)

    def resumeProducing(self) -> None:
        self._stop("_reading")
        super().resumeProducing()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._stop("_arrival")
        self._stop("_reading")
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _too_slow(self) -> None:
        logger.warning("a request did not arrive within its time and was cut off")
        self.transport.write(TOO_LATE)
        self.transport.loseConnection()
        self._arrival = _later(LINGER_S, self.transport.abortConnection)

    def _unread(self) -> None:
        if isinstance(self.transport.protocol, WebSocketServerProtocol):
            return  # the connection became a socket meanwhile, which has its own clock
        logger.warning(
            "a client did not read for %g s and was cut off", settings.SOCKET_STALL_S
        )
        self.transport.abortConnection()

    def _stop(self, clock: str) -> None:
        handle: asyncio.TimerHandle | None = getattr(self, clock)
        if handle is not None:
            handle.cancel()
            setattr(self, clock, None)


def _later(seconds: float, function: Any) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, function)
