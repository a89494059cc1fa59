"""Sockets on which nothing happens: what they cost a web process."""

from __future__ import annotations

import asyncio

from .engine_client import FAILURES, EngineClient
from .plan import Plan
from .shapes import carrying, closed_loop


class IdleSockets:
    """Opens sockets and holds them: each follows an order that nobody carries out.

    Without `orders` they are sockets that take orders and are given none.
    """

    def __init__(self, client: EngineClient, plan: Plan) -> None:
        self._client = client
        self._plan = plan
        self._tasks: list[asyncio.Task[None]] = []
        self.opened = 0
        self.heard = 0

    async def place_orders(self) -> None:
        """Place the orders that are followed."""
        plan, client = self._plan, self._client
        await closed_loop(client, plan.orders, plan.concurrency, carrying(client, plan))

    async def open(self) -> None:
        """Open all sockets, some at the same time."""
        handshakes = asyncio.Semaphore(self._plan.concurrency)
        opened: list[asyncio.Future[None]] = []
        loop = asyncio.get_running_loop()
        for number in range(self._plan.sockets):
            opened.append(loop.create_future())
            listening = self._listen(number, handshakes, opened[-1])
            self._tasks.append(asyncio.create_task(listening))
        await asyncio.gather(*opened)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(
        self, number: int, handshakes: asyncio.Semaphore, opened: asyncio.Future[None]
    ) -> None:
        urls = [order.ws_url for order in self._client.orders]
        url = urls[number % len(urls)] if urls else ""
        try:
            async with handshakes:
                socket = await self._client.socket(url, number)
                if url:
                    await socket.receive()  # its first and only event
                    self.heard += 1
            self.opened += 1
            opened.set_result(None)
            await socket.receive()
            self._client.errors[f"idle socket closed {socket.close_code}"] += 1
        except FAILURES as error:
            self._client.errors[f"socket {type(error).__name__}"] += 1
            if not opened.done():
                opened.set_result(None)
