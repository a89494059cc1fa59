"""The web process: daphne, with requests and sockets that cost a bounded memory each.

python -m ordersite.web [options of daphne] ordersite.asgi:application
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from functools import partial
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.server import Server
from django.conf import settings
from twisted.internet import defer

from dex.collector import calm_collector

from .bounded_request import BoundedRequest
from .bounded_socket import BoundedSocket
from .brevity import brief
from .plain_autobahn import make_plain
from .prompt_tcp import SharedPort
from .punctual import PunctualChannel
from .tally import Tally

logger = logging.getLogger("ordersite.web")  # as a program its name is __main__

# A client that is slow to read its last events is not cut off before the close frame.
CLOSE_HANDSHAKE_S = 10
# What a request that runs may still take when the process is asked to stop.
DRAIN_S = 5.0
# Open files, of which each connection is one. The usual limit of a shell is 1,024, and
# whoever reaches it keeps all others out.
FILES = 65_536


class WebServer(Server):  # type: ignore[misc]
    """daphne's server with bounded requests and sockets, which ends requests in peace."""

    def __init__(self, application: Any, **options: Any) -> None:
        super().__init__(application, ready_callable=self._bound, **options)
        self._ports: list[Any] = []
        self._is_stopping = False

    def _bound(self) -> None:
        """Called when the factories are made and nothing was accepted yet."""
        calm_collector()
        build = self.http_factory.buildProtocol

        def build_bounded(address: Any) -> Any:
            protocol = build(address)
            protocol.requestFactory = BoundedRequest
            # Twisted leaves no other way to choose what kind of channel it makes.
            protocol._channel.__class__ = PunctualChannel
            return protocol

        self.http_factory.buildProtocol = build_bounded
        # It would format a line for each request, for Twisted's log, which goes nowhere.
        self.http_factory.log = lambda request: None
        self.ws_factory.protocol = BoundedSocket
        # Not by setProtocolOptions(), which would reset others to autobahn's defaults.
        self.ws_factory.closeHandshakeTimeout = CLOSE_HANDSHAKE_S
        # What a client sends is an order at most. What we send is not limited by these.
        self.ws_factory.maxMessagePayloadSize = settings.MAX_BODY_BYTES
        self.ws_factory.maxFramePayloadSize = settings.MAX_BODY_BYTES
        # No timer per socket: its handshake came as a whole by HTTP, and daphne itself
        # looks for sockets that the application has not accepted.
        self.ws_factory.openHandshakeTimeout = 0

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        queue = super().create_application(protocol, scope)
        if (details := self.connections.get(protocol)) is not None:
            application = details["application_instance"]
            application.add_done_callback(partial(self._forget, protocol))
        return queue

    def _forget(self, protocol: Any, application: asyncio.Future[None]) -> None:
        """Called when an application ended: let go of a connection that is over too.

        daphne keeps all of them for up to a second, and then lets go of hundreds in one
        turn of the event loop, which nobody is served in. What failed it has to log.
        """
        details = self.connections.get(protocol)
        if details is None or "disconnected" not in details:
            return
        if not application.cancelled() and application.exception() is None:
            del self.connections[protocol]

    def protocol_disconnected(self, protocol: Any) -> None:
        if protocol in self.connections:  # a rejected socket is closed later
            super().protocol_disconnected(protocol)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send" or message.get("more_body"):
            await protocol.room()
        elif self._is_stopping and message["type"] == "http.response.start":
            protocol.close_after()
        elif message["type"] == "websocket.close":
            protocol.refused_with = message.get("code")
        await super().handle_reply(protocol, message)

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        # daphne's access log would write down whole addresses, and tickets with them.
        said = {"path": brief(details["path"].partition("?")[0])}
        if "method" in details:
            said["method"] = brief(details["method"])
        super().log_action(protocol, action, details | said)

    def listen_success(self, port: Any) -> None:
        # daphne leaves no other way to choose what kind of port Twisted makes.
        port.__class__ = SharedPort
        port.tally = Tally.of(os.environ)
        self._ports.append(port)
        super().listen_success(port)

    def kill_all_applications(self) -> defer.Deferred[None]:
        """Called at the end: let requests finish, and break the sockets off."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        self._is_stopping = True
        for port in self._ports:
            port.stopListening()  # others may go on accepting from the same socket
        requests: set[asyncio.Future[None]] = set()
        sockets: set[asyncio.Future[None]] = set()
        for protocol, details in self.connections.items():
            if (application := details.get("application_instance")) is not None:
                kind = requests if isinstance(protocol, BoundedRequest) else sockets
                kind.add(application)
        logger.info(
            "stopping: %d requests run, %d sockets are open",
            len(requests),
            len(sockets),
        )
        for socket in sockets:
            socket.cancel()
        if requests:
            _, late = await asyncio.wait(requests, timeout=DRAIN_S)
            for request in late:
                request.cancel()
        await asyncio.gather(*requests, *sockets, return_exceptions=True)


class CommandLine(CommandLineInterface):  # type: ignore[misc]
    description = "The web process: daphne with bounded requests and sockets"
    server_class = WebServer


def allow_many_files() -> None:
    """Let this process open as many connections as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))


if __name__ == "__main__":
    allow_many_files()
    make_plain()
    CommandLine.entrypoint()
