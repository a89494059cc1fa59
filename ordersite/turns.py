"""HTTP requests take turns: a fixed number runs at once, the others wait in line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

AsgiApp = Callable[..., Awaitable[None]]


class Turns:
    """An ASGI application that lets at most `places` requests into another one.

    Django's handler gives each request a thread and a connection. Hundreds at once would
    contend for both, and some would time out; in a line each gets both when it is its turn.
    """

    def __init__(self, app: AsgiApp, *, places: int) -> None:
        self._app = app
        self._places = asyncio.Semaphore(places)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._places:
            await self._app(scope, receive, send)
