"""A plain WebSocket client of localnet for its own tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from dex.localnet.testing import RunningLocalnet

PATIENCE_S = 10


def socket_url(http_url: str) -> str:
    """Return where clients look for a node's WebSocket: on the next port."""
    host, port = http_url.removeprefix("http://").rsplit(":", 1)
    return f"ws://{host}:{int(port) + 1}/"


class Socket:
    """One connection; answers and notifications come in the order they were sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._answers = 0

    async def receive(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return json.loads(await self.connection.recv())

    async def post(self, body: Any) -> Any:
        """Send a body (text or bytes: as it is) and return what comes next."""
        raw = isinstance(body, str | bytes)
        await self.connection.send(body if raw else json.dumps(body))
        return await self.receive()

    async def call(self, method: str, *params: Any) -> Any:
        """Call a method; what comes next must be its answer."""
        self._answers += 1
        identity = f"call {self._answers}"
        body = {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}
        answer = await self.post(body)
        assert answer.get("id") == identity, answer
        return answer.get("result", answer.get("error"))

    async def notification(self, subscription: int) -> Any:
        """Return the result of what comes next, which must be of this subscription."""
        message = await self.receive()
        assert message["jsonrpc"] == "2.0"
        assert set(message["params"]) == {"result", "subscription"}
        assert message["params"]["subscription"] == subscription, message
        return message["params"]["result"]


@contextlib.asynccontextmanager
async def connected(localnet: RunningLocalnet, node: int = 0) -> AsyncIterator[Socket]:
    """Connect to the WebSocket of a node, without compression."""
    async with websockets.connect(
        socket_url(localnet.urls[node]),
        compression=None,
        max_queue=None,
        close_timeout=1,
    ) as connection:
        yield Socket(connection)
