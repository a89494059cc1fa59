"""Many orders on few sockets: each message is an order, all events come back on it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from .engine_client import FAILURES, EngineClient, Ordered


async def share(
    client: EngineClient, orders: int, *, sockets: int, concurrency: int
) -> None:
    """Keep so many orders in flight over so many sockets, until all were carried."""
    left = iter(range(orders))
    places = [concurrency // sockets] * sockets
    for number in range(concurrency % sockets):
        places[number] += 1
    await asyncio.gather(
        *(SharedSocket(client, left).run(count) for count in places if count)
    )


class SharedSocket:
    """Places its next order whenever one of its own ends."""

    def __init__(self, client: EngineClient, left: Iterator[int]) -> None:
        self._client = client
        self._left = left
        # Answered exactly once each, in the order in which they were sent.
        self._unanswered: deque[Ordered] = deque()
        self._carried: dict[str, Ordered] = {}
        self._open = 0

    async def run(self, places: int) -> None:
        try:
            async with self._client.socket() as socket:
                for _ in range(places):
                    await self._send_next(socket)
                while self._open:
                    message = await socket.receive()
                    if message.type.name != "TEXT":
                        self._client.errors[f"socket closed {socket.close_code}"] += 1
                        return
                    if self._hear(json.loads(message.data)):
                        await self._send_next(socket)
        except FAILURES as error:
            self._client.errors[f"socket {type(error).__name__}"] += 1

    async def _send_next(self, socket: Any) -> None:
        if next(self._left, None) is None:
            return
        order = self._client.new_order()
        self._unanswered.append(order)
        self._open += 1
        await socket.send_str(self._client.next_body().decode())

    def _hear(self, frame: dict[str, Any]) -> bool:
        """Take a message; say whether a place became free."""
        if "sequence" in frame:
            carried = self._carried.get(frame["orderId"])
            if carried is None:
                self._client.counts.illegal += 1  # an order of somebody else
                return False
            ended = self._client.take(carried, frame)
            self._open -= ended
            return ended
        order = self._unanswered.popleft()
        if "wsUrl" in frame:
            order.answered_at = time.monotonic()
            order.ws_url = frame["wsUrl"]
            self._carried[frame["orderId"]] = order
            return False
        self._client.errors[f"frame {frame.get('code')}"] += 1
        self._open -= 1
        return True
