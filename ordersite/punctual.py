"""An HTTP connection that a client cannot hold for nothing.

Twisted closes a connection on which nothing comes for a minute. So a byte now and then
would hold one for hours, and so would answers that nobody reads. Here a request arrives
as a whole within REQUEST_ARRIVAL_S, the first one counted from the connection, and answers
are read within SOCKET_STALL_S.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from django.conf import settings
from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

from orders.answers import bad_request
from orders.problems import Problem, headers_too_large, request_timeout
from orders.request_ids import request_id_of

from .raw_answers import raw_answer
from .targets import refusal_of, split_target

logger = logging.getLogger(__name__)

# For the answer to get out.
LINGER_S = 1.0


class PunctualChannel(HTTPChannel):
    """Takes one request after another, each within its time."""

    transport: Any
    _path: Any  # bytes; Twisted lets it be taken for something else
    _arrival: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _is_begun = False  # some of a request has come
    _is_refused = False

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        refusal = getattr(self.transport, "refusal", None)
        if refusal is not None:
            self._refuse(refusal)
        elif settings.REQUEST_ARRIVAL_S:
            self._arrival = _later(settings.REQUEST_ARRIVAL_S, self._too_slow)

    def dataReceived(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._is_begun = True
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

    def lineReceived(self, line: bytes) -> None:
        if not self._is_refused:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:
        if not self._is_refused:
            super().rawDataReceived(data)

    def allHeadersReceived(self) -> None:
        headers = self.requests[-1].requestHeaders
        refusal = refusal_of(self._version, headers.getRawHeaders(b"Host", []))
        host, self._path = split_target(self._path)
        if refusal is not None:
            given = headers.getRawHeaders(b"X-Request-ID", [b""])[0]
            self._refuse(refusal, given.decode("latin1"))
            return
        if host is not None:
            headers.setRawHeaders(b"Host", [host])
        super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        if not self._is_refused:
            super().allContentReceived()  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse(headers_too_large())

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Called by Twisted for what is no request."""
        says_too_much = (
            self._receivedHeaderSize > self.totalHeadersSize
            or self._receivedHeaderCount > self.maxHeaders
        )
        self._refuse(headers_too_large() if says_too_much else bad_request())

    def _too_slow(self) -> None:
        self._arrival = None
        if not self._is_begun:  # nobody asked anything
            self._end()
            return
        name = request_id_of("")
        logger.warning(
            "a request did not arrive within its time and was cut off",
            extra={"request_id": name},
        )
        self._refuse(request_timeout(), name)

    def _refuse(self, problem: Problem, request_id: str = "") -> None:
        """Say why, and hear nothing more; who still sends finds the answer for a moment."""
        if self._is_refused:
            return
        self._is_refused = True
        path = getattr(self, "_path", b"/").partition(b"?")[0]
        self.transport.write(raw_answer(problem, path.decode("latin1"), request_id))
        self._stop("_arrival")
        self._arrival = _later(LINGER_S, self._end)

    def _end(self) -> None:
        self.loseConnection()  # type: ignore[no-untyped-call]
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
