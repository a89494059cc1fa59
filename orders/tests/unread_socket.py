"""A socket of a server that lets `send()` wait for a client that reads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from orders.consumers import OrderConsumer

from .clients import PATH

LIMIT_S = 10  # only ever reached by a test that fails


class UnreadSocket:
    """What its consumer sends is noted, and never gets out."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self, query: str) -> None:
        scope = {
            "type": "websocket",
            "path": PATH,
            "query_string": query.encode(),
            "headers": [],
        }
        application: Any = OrderConsumer.as_asgi()
        await application(scope, self._received.get, self._send)

    def receive(self, kind: str, **members: Any) -> None:
        """Let the server read something of the client."""
        self._received.put_nowait({"type": f"websocket.{kind}", **members})

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.put_nowait(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()


@asynccontextmanager
async def unread_socket(query: str = "") -> AsyncIterator[UnreadSocket]:
    """Open a socket; at the end the client is gone, and the consumer has to end too."""
    socket = UnreadSocket()
    running = asyncio.create_task(socket.run(query))
    socket.receive("connect")
    async with asyncio.timeout(LIMIT_S):
        yield socket
        socket.receive("disconnect", code=1006)
        await running
