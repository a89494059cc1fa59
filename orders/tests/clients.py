"""How tests speak to the API: a body to post, a socket to listen to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.test import Client

from orders.routing import websocket_urlpatterns

# The seed's order.
ORDER = {
    "type": "market",
    "tokenIn": "A",
    "tokenOut": "B",
    "amountIn": 100,
    "slippage": 0.01,
}
# A question for quotes.
PAIR = {"tokenIn": "A", "tokenOut": "B", "amountIn": 1}
PATH = "/api/orders/execute"
TIMEOUT_S = 10.0  # only ever reached by a test that fails


def order_text(**overrides: Any) -> str:
    return json.dumps(ORDER | overrides)


def post(body: str | bytes, path: str = PATH, **headers: str) -> Any:
    """Post a JSON body; keyword `idempotency_key` becomes the header Idempotency-Key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # A client that raises would hide the answer of the 500 handler.
    client = Client(raise_request_exception=False)
    return client.post(path, body, content_type="application/json", headers=named)


def get(client, path: str, **query: Any) -> Any:
    return client.get(path, query)


def listed(client, **query: Any) -> list[str]:
    answer = get(client, "/api/orders", **query)
    assert answer.status_code == 200, answer.content
    return [order["orderId"] for order in answer.json()["orders"]]


class Socket:
    """One WebSocket of a test, without a server between."""

    def __init__(
        self,
        query: str,
        headers: Sequence[tuple[bytes, bytes]],
        path: str = PATH,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self.subprotocol: Any = None
        # The stubs know only patterns that Channels changed.
        application = URLRouter(websocket_urlpatterns)  # type: ignore[arg-type]
        self._communicator = WebsocketCommunicator(
            application,
            path + query,
            headers=list(headers),
            subprotocols=list(subprotocols),
        )

    async def connect(self) -> bool:
        accepted, chosen = await self._communicator.connect(timeout=TIMEOUT_S)
        self.subprotocol = chosen
        return bool(accepted)

    async def send(self, text: str | None = None, raw: bytes | None = None) -> None:
        await self._communicator.send_input(
            {"type": "websocket.receive", "text": text, "bytes": raw}
        )

    async def frame(self) -> dict[str, Any]:
        """Return the next frame."""
        text = await self._communicator.receive_from(timeout=TIMEOUT_S)
        return dict(json.loads(text))

    async def frames(self, count: int) -> list[dict[str, Any]]:
        return [await self.frame() for _ in range(count)]

    async def close_code(self) -> int:
        """Return the code with which the server closes now, with no frame before."""
        message = await self._communicator.receive_output(timeout=TIMEOUT_S)
        assert message["type"] == "websocket.close", message
        return int(message["code"])

    async def is_silent(self, seconds: float) -> bool:
        """Say whether nothing comes for so long."""
        return bool(await self._communicator.receive_nothing(timeout=seconds))

    async def leave(self) -> None:
        await self._communicator.disconnect(timeout=TIMEOUT_S)


@asynccontextmanager
async def open_socket(
    query: str = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    path: str = PATH,
    subprotocols: Sequence[str] = (),
) -> AsyncIterator[Socket]:
    """Open a socket that is accepted, and leave it at the end."""
    socket = Socket(query, headers, path, subprotocols)
    assert await socket.connect()
    yield socket
    await socket.leave()


async def events_of(order_id: object, query: str = "") -> list[dict[str, Any]]:
    """Read a closed order's events from a fresh socket, up to the close with 1000."""
    frames: list[dict[str, Any]] = []
    async with open_socket(f"?orderId={order_id}{query}") as socket:
        while not frames or frames[-1]["status"] not in TERMINAL_NAMES:
            frames.append(await socket.frame())
        assert await socket.close_code() == 1000
    return frames


TERMINAL_NAMES = ("confirmed", "failed", "cancelled", "expired")
