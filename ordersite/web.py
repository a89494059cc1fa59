"""The web process: daphne, with sockets that cost a bounded memory each.

    python -m ordersite.web [options of daphne] ordersite.asgi:application

daphne's `send()` never waits, so what a client does not read piles up in the process,
and so do messages that come faster than they are handled. Here each socket is a push
producer of its TCP connection: `send()` waits while the connection takes no more, nothing
is read meanwhile, and a connection that stays full for SOCKET_STALL_S is cut off.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

logger = logging.getLogger("ordersite.web")  # as a program its name is __main__

MESSAGES_WAITING = 8  # of one client, before nothing more is read from it
LOOK_AGAIN_S = 0.02  # for room among them
# A client that is slow to read its last events is not cut off before the close frame.
CLOSE_HANDSHAKE_S = 10


@implementer(IPushProducer)
class BoundedSocket(WebSocketProtocol):  # type: ignore[misc]
    """A WebSocket whose frames wait for room in its connection.

    Twisted calls `pauseProducing` as soon as 64 KiB wait in a connection that the kernel
    takes nothing from, and `resumeProducing` when all of it is gone.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._cut_off: asyncio.TimerHandle | None = None
        self._looks_again = False
        # The HTTP side of this connection, which is over, was its producer so far.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)

    async def room(self) -> None:
        """Wait until the connection takes more, or is gone."""
        await self._may_send.wait()

    def pauseProducing(self) -> None:
        self._may_send.clear()
        self._expect_progress()
        # Else a client could make us answer, to pings for example, and never read.
        self._read_if_room()

    def resumeProducing(self) -> None:
        self._stop_clock()
        self._may_send.set()
        self._read_if_room()

    def stopProducing(self) -> None:
        self._may_send.set()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        if not self._has_room():
            self._read_if_room()

    def _closeConnection(self, abort: bool = False) -> None:
        # From here on nobody tells whether the rest, a close frame at least, gets out.
        self._expect_progress()
        super()._closeConnection(abort)

    def connectionLost(self, reason: Any) -> None:
        self._stop_clock()
        self._may_send.set()
        super().connectionLost(reason)

    def _expect_progress(self) -> None:
        if self._cut_off is None:
            loop = asyncio.get_running_loop()
            self._cut_off = loop.call_later(settings.SOCKET_STALL_S, self._abort)

    def _stop_clock(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
        self._cut_off = None

    def _abort(self) -> None:
        logger.warning(
            "%s did not read for %g s and was cut off",
            self.peer,
            settings.SOCKET_STALL_S,
        )
        self.transport.abortConnection()

    def _has_room(self) -> bool:
        queue = getattr(self, "application_queue", None)  # none before the handshake
        return queue is None or queue.qsize() < MESSAGES_WAITING

    def _read_if_room(self) -> None:
        if self._may_send.is_set() and self._has_room():
            self.transport.resumeProducing()
            return
        self.transport.pauseProducing()
        # asyncio's queue tells nobody that something was taken from it.
        if self._may_send.is_set() and not self._looks_again:
            self._looks_again = True
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looks_again = False
        if self.transport.connected:
            self._read_if_room()


class WebServer(Server):  # type: ignore[misc]
    """daphne's server with bounded sockets."""

    def __init__(self, application: Any, **options: Any) -> None:
        super().__init__(application, ready_callable=self._bound_sockets, **options)

    def _bound_sockets(self) -> None:
        """Called when the factory of sockets is made and nothing was accepted yet."""
        self.ws_factory.protocol = BoundedSocket
        # Not by setProtocolOptions(), which would reset others to autobahn's defaults.
        self.ws_factory.closeHandshakeTimeout = CLOSE_HANDSHAKE_S

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message.get("type") == "websocket.send":
            await protocol.room()
        await super().handle_reply(protocol, message)


class CommandLine(CommandLineInterface):  # type: ignore[misc]
    description = "The web process: daphne with bounded sockets"
    server_class = WebServer


if __name__ == "__main__":
    CommandLine.entrypoint()
