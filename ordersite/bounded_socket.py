"""A WebSocket of daphne that costs a bounded memory.

What a client sends is limited as well: the size of a message, also one in many fragments,
and frames in a second. Who goes beyond is told so, and after that nothing of it is read.

daphne's `send()` never waits, so what a client does not read piles up in the process,
and so do messages that come faster than they are handled. Here each socket is a push
producer of its TCP connection: `send()` waits while the connection takes no more, and
nothing is read meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from typing import Any

from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings

from orders.access.open_sockets import flooded
from orders.answers import bad_request
from orders.close_codes import CLOSE_PROBLEM, CLOSE_TOO_BIG, CLOSE_TOO_MANY
from orders.hosts import foreign_host
from orders.origins import foreign_page
from orders.parsers import body_too_large
from orders.problems import Problem, internal_error, too_many_frames

from .paced import Paced
from .raw_answers import raw_answer

MESSAGES_WAITING = 8  # of one client, before nothing more is read from it
LOOK_AGAIN_S = 0.02  # for room among them
# Frames that may come at once, in seconds' worth.
BURST_S = 2.0
# By the close code of the application, which says no more before a socket is open.
_REFUSED = {CLOSE_TOO_MANY: flooded, CLOSE_PROBLEM + 400: foreign_host}
# A client that is still sending finds its close frame only if the connection is not reset.
LINGER_S = 1.0


class BoundedSocket(Paced, WebSocketProtocol):  # type: ignore[misc]
    """A WebSocket whose frames wait for room in its connection."""

    refused_with: int | None = None  # the close code of one that was not accepted
    _looks_again = False
    _is_refused = False
    _frames_until = 0.0  # when all frames that came would have been due

    def dataReceived(self, data: bytes) -> None:
        if not self._is_refused:
            super().dataReceived(data)

    def onFrameBegin(self) -> None:
        """Called for each frame, also pings and fragments, when its head has come."""
        super().onFrameBegin()
        if self._is_too_fast():
            self._refuse(too_many_frames(settings.SOCKET_FRAMES_PER_S), CLOSE_TOO_MANY)

    def _max_message_size_exceeded(self, size: int, limit: int, reason: str) -> None:
        self._refuse(body_too_large(), CLOSE_TOO_BIG)

    def _is_too_fast(self) -> bool:
        if settings.SOCKET_FRAMES_PER_S == 0:
            return False
        now = time.monotonic()
        due = max(self._frames_until, now) + 1 / settings.SOCKET_FRAMES_PER_S
        self._frames_until = due
        return due - now > BURST_S

    def _refuse(self, problem: Problem, code: int) -> None:
        """Say why, close, and read nothing more of what this client sends."""
        if self._is_refused:
            return
        self._is_refused = self.failedByMe = True  # autobahn then keeps nothing
        if self.state == self.STATE_OPEN:
            self.serverSend(json.dumps(problem.body(instance=self.path.decode())))
            # Not by sendClose(), which knows only the codes of applications.
            self.sendCloseFrame(code=code, isReply=False)
        self.data = b""  # what came with it
        asyncio.get_running_loop().call_later(LINGER_S, self.dropConnection)

    def failHandshake(
        self, reason: str, code: int = 400, responseHeaders: Any = None
    ) -> None:
        # An Origin that is no address is that of no page of ours.
        if reason.startswith("HTTP Origin header"):
            code = 403
        super().failHandshake(reason, code, responseHeaders)

    def sendHttpErrorResponse(
        self, code: int, reason: str, responseHeaders: Any = None
    ) -> None:
        """Say why no socket is opened, without what the client itself has sent."""
        path = getattr(self, "http_request_path", "/")
        name = getattr(self, "http_headers", {}).get("x-request-id", "")
        problem = self._problem_of(code)
        self.sendData(raw_answer(problem, path, name, dict(responseHeaders or ())))

    def _problem_of(self, code: int) -> Problem:
        if code == 403:
            refused = _REFUSED.get(self.refused_with or 0, foreign_page)
            return refused()
        if code < 500:
            return bad_request(
                "This is no handshake of a WebSocket: use a client that speaks RFC 6455."
            )
        return internal_error()

    def connectionMade(self) -> None:
        super().connectionMade()
        self.begin_pacing()
        # The HTTP side of this connection, which is over, was its producer so far.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        # Else a client could make us answer, to pings for example, and never read.
        self._read_if_room()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        self._read_if_room()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        if not self._has_place():
            self._read_if_room()

    def serverSend(self, content: str | bytes, binary: bool = False) -> None:
        """Send one message, as one frame and without what autobahn counts and logs."""
        if self.state != self.STATE_OPEN:
            return  # we have closed it, which its consumer is not told before it is gone
        if binary:
            super().serverSend(content, binary)
        else:
            assert isinstance(content, str)
            self.transport.write(text_frame(content.encode()))

    def _closeConnection(self, abort: bool = False) -> None:
        # From here on nobody tells whether the rest, a close frame at least, gets out.
        self.expect_progress()
        super()._closeConnection(abort)

    def connectionLost(self, reason: Any) -> None:
        self.end_pacing()
        super().connectionLost(reason)

    def abort(self) -> None:
        self.transport.abortConnection()

    def __str__(self) -> str:
        return str(self.peer)

    def _has_place(self) -> bool:
        queue = getattr(self, "application_queue", None)  # none before the handshake
        return queue is None or queue.qsize() < MESSAGES_WAITING

    def _read_if_room(self) -> None:
        if self.has_room and self._has_place():
            self.transport.resumeProducing()
            return
        self.transport.pauseProducing()
        # asyncio's queue tells nobody that something was taken from it.
        if self.has_room and not self._looks_again:
            self._looks_again = True
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looks_again = False
        if self.transport.connected:
            self._read_if_room()


def text_frame(payload: bytes) -> bytes:
    """Return a server's frame of one whole text message.

    Not masked and not compressed. Source: RFC 6455, section 5.2.
    """
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload
