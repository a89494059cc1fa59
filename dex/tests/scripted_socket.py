"""A node's WebSocket that says what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import WSMsgType, web
from yarl import URL


class ScriptedSocket:
    """Answers subscriptions; `notify` tells of a signature, `drop` ends connections."""

    def __init__(self) -> None:
        self.url = URL()
        self.connections = 0
        self.calls: list[tuple[str, list[Any]]] = []
        self.subscriptions: dict[str, int] = {}
        self.answer: Callable[[dict[str, Any]], Any] = self._answer
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self._open.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    call = message.json()
                    self.calls.append((call["method"], call["params"]))
                    answer = self.answer(call)
                    if answer is not None:
                        await socket.send_json(answer)
        finally:
            self._open.discard(socket)
        return socket

    async def notify(self, signature: str, *, error: Any = None) -> None:
        value = {"context": {"slot": 5_001}, "value": {"err": error}}
        params = {"result": value, "subscription": self.subscriptions.pop(signature)}
        await self.say({"method": "signatureNotification", "params": params})

    async def say(self, message: Any) -> None:
        for socket in self._open:
            await socket.send_json(message)

    async def drop(self) -> None:
        for socket in list(self._open):
            await socket.close()

    async def subscribed(self, signature: str) -> None:
        while signature not in self.subscriptions:
            await asyncio.sleep(0)

    def _answer(self, call: dict[str, Any]) -> Any:
        result: Any = True
        if call["method"] == "signatureSubscribe":
            result = self.subscriptions[call["params"][0]] = 100 + call["id"]
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}


@contextlib.asynccontextmanager
async def scripted_socket() -> AsyncIterator[ScriptedSocket]:
    socket = ScriptedSocket()
    application = web.Application()
    application.router.add_get("/{path:.*}", socket.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.001)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        socket.url = URL(f"ws://127.0.0.1:{runner.addresses[0][1]}/?key=s3cret")
        yield socket
    finally:
        await runner.cleanup()
