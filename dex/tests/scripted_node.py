"""A JSON-RPC node over real HTTP that answers what a test tells it to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

GENESIS = "Genesis1111111111111111111111111111111111111"


class NodeError(Exception):
    """A JSON-RPC error object for a script to raise."""

    def __init__(self, code: int, message: str = "", data: Any = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, "data": data}


class ScriptedNode:
    """`answers` maps a method to its result, or to a function of its params.

    `bodies` records the methods of each HTTP request, `calls` each call. `replace`, when
    set, answers the HTTP request instead.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Any] = {"getGenesisHash": GENESIS}
        self.bodies: list[list[str]] = []
        self.calls: list[tuple[str, list[Any]]] = []
        self.replace: Callable[[web.Request], Awaitable[web.StreamResponse]] | None
        self.replace = None

    @property
    def name(self) -> str:
        return self.url.removeprefix("http://").split("/")[0]

    def asked(self, method: str) -> int:
        return sum(1 for called, _ in self.calls if called == method)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.replace is not None:
            return await self.replace(request)
        body = await request.json()
        entries = body if isinstance(body, list) else [body]
        self.bodies.append([entry["method"] for entry in entries])
        answers = [await self._answer(entry) for entry in entries]
        return web.json_response(answers if isinstance(body, list) else answers[0])

    async def _answer(self, entry: dict[str, Any]) -> dict[str, Any]:
        method, params = entry["method"], entry["params"]
        self.calls.append((method, params))
        envelope = {"jsonrpc": "2.0", "id": entry["id"]}
        if method not in self.answers:
            return envelope | {"error": {"code": -32601, "message": "Method not found"}}
        answer = self.answers[method]
        try:
            result = answer(*params) if callable(answer) else answer
            if isinstance(result, Awaitable):
                result = await result
        except NodeError as error:
            return envelope | {"error": error.body}
        return envelope | {"result": result}


@contextlib.asynccontextmanager
async def scripted_node(**answers: Any) -> AsyncIterator[ScriptedNode]:
    """Run a node on a free port of loopback."""
    node = ScriptedNode()
    node.answers.update(answers)
    async with serve(node.handle) as port:
        node.url = f"http://127.0.0.1:{port}/rpc?api-key=s3cret"
        yield node


@contextlib.asynccontextmanager
async def serve(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], port: int = 0
) -> AsyncIterator[int]:
    """Serve POST requests with one handler; yields the port."""
    application = web.Application()
    application.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=0.001, handler_cancellation=True
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
