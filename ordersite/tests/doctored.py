"""An engine that tells its clients something else than what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web

from dex.background import BackgroundLoop

Events = Sequence[tuple[int, str]]
PATH = "/api/orders/execute"
TIMEOUT_S = 20.0


def _frame(order_id: str, event: tuple[int, str]) -> str:
    sequence, status = event
    return json.dumps(
        {
            "orderId": order_id,
            "sequence": sequence,
            "status": status,
            "timestamp": "2026-11-20T09:14:03.120Z",
            "data": {},
        }
    )


class DoctoredEngine:
    """Answers every POST, and streams the same events for every order."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._placed = 0
        application = web.Application()
        application.router.add_post(PATH, self._place)
        application.router.add_get(PATH, self._stream)
        application.router.add_get("/api/orders", self._list)
        self._runner = web.AppRunner(application)

    async def start(self) -> str:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _place(self, request: web.Request) -> web.Response:
        answer = self._accept(request)
        return web.json_response(answer, status=201)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if "orderId" in request.query:
            for event in self._events:
                await socket.send_str(_frame(request.query["orderId"], event))
            await socket.close()
            return socket
        async for _ in socket:
            answer = self._accept(request)
            await socket.send_str(json.dumps(answer))
            for event in self._events:
                await socket.send_str(_frame(answer["orderId"], event))
        return socket

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"orders": [], "nextCursor": None})

    def _accept(self, request: web.Request) -> dict[str, str]:
        self._placed += 1
        address = f"ws://{request.host}{PATH}?orderId={self._placed}"
        return {"orderId": str(self._placed), "wsUrl": address}


@contextmanager
def doctored_engine(events: Events) -> Iterator[str]:
    """Run one until the block ends; yield its address."""
    loop = BackgroundLoop("doctored engine")
    engine = DoctoredEngine(events)
    yield loop.run(engine.start(), TIMEOUT_S)
    loop.run(engine.stop(), TIMEOUT_S)
