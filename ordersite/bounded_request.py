"""An HTTP request of daphne that never holds more than MAX_BODY_BYTES of its body.

The body is read before the application is called, so a slow one holds no thread. One that
is too long is answered at once: the application is given as much of it as shows that it is
too long, the rest is read and thrown away for a moment, and the connection is closed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from daphne.http_protocol import WebRequest
from django.conf import settings

from orders.answers import bad_request
from orders.problems import internal_error

from .paced import Paced
from .raw_answers import parts_of

# A client that is still sending finds its answer only if the connection is not reset.
LINGER_S = 5.0


class BoundedRequest(Paced, WebRequest):  # type: ignore[misc]
    """A request that is handled early when its body is too long."""

    _size = 0
    _is_early = False  # the answer may be there before the body is
    _linger: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        # Twisted would parse forms, and every Content-Type, for nobody: Django does.
        super().__init__(*args, parsePOSTFormSubmission=False, **options)

    def gotLength(self, length: int | None) -> None:
        """Called after the headers; `length` None when the body comes in chunks."""
        super().gotLength(0)  # in memory, never in a file
        if length is not None and length > settings.MAX_BODY_BYTES:
            self._handle_early()

    def handleContentChunk(self, data: bytes) -> None:
        if self._is_early:
            return
        super().handleContentChunk(data)
        self._size += len(data)
        if self._size > settings.MAX_BODY_BYTES:
            self._handle_early()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Called at the end of the body."""
        if not self._is_early:
            super().requestReceived(command, path, version)
        elif self._linger is None:
            self._is_early = False
        else:
            self._end()

    def _handle_early(self) -> None:
        self._is_early = True
        self.close_after()
        # Else Twisted would tell the client to go on.
        self.requestHeaders.removeHeader(b"Expect")
        channel = self.channel
        super().requestReceived(channel._command, channel._path, channel._version)

    def close_after(self) -> None:
        """Have the connection closed after this request."""
        if self.channel is not None:
            self.channel.persistent = False
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])

    async def room(self) -> None:
        if self._may_send is None and self.channel is not None:
            self.begin_pacing()
            self.registerProducer(self, True)
        await super().room()

    def finish(self) -> None:
        """Called when the answer is written."""
        if not self._is_early:
            self._finish()
        elif self._linger is None:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(LINGER_S, self._end)

    def _end(self) -> None:
        self._is_early = False
        self._stop_lingering()
        self._finish()

    def _finish(self) -> None:
        if self.producer is not None:
            self.unregisterProducer()
            self.end_pacing()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        self._stop_lingering()
        self.end_pacing()
        super().connectionLost(reason)

    def handle_exception(self, exception: Exception) -> None:
        """Called when the application failed."""
        if self._response_started:
            # Half of an answer is told from a whole one only by a broken connection.
            self.abort()
        else:
            super().handle_exception(exception)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Called for what daphne answers by itself: a bad request, or a failure."""
        problem = bad_request(f"{body}.") if status == 400 else internal_error()
        given = self.requestHeaders.getRawHeaders(b"x-request-id", [b""])[0]
        headers, text = parts_of(
            problem, self.path.decode("latin1"), given.decode("latin1")
        )
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.handle_reply(
            {"type": "http.response.start", "status": problem.status, "headers": named}
        )
        self.handle_reply({"type": "http.response.body", "body": text})

    def abort(self) -> None:
        if self.channel is not None:
            self.channel.forceAbortClient()

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._linger = None
