"""Redis as the machine plays it: the queue is real, the messages pass through its hands."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from uuid import UUID

import django_rq
from channels.layers import BaseChannelLayer

from orders import events, queue
from orders.queue import QUEUE


class Layer(BaseChannelLayer):
    """A channel layer whose messages wait until the machine lets them arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.messages: deque[dict[str, Any]] = deque()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.is_away:
            raise ConnectionError("Redis is away")
        if message["type"] == events.MESSAGE_TYPE:
            self.messages.append(message)

    async def new_channel(self) -> str:
        self._inbox = asyncio.Queue()
        return "machine"

    async def group_add(self, group: str, channel: str) -> None:
        if self.is_away:
            raise ConnectionError("Redis is away")

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._inbox.get()

    def deliver(self, index: int, *, keep: bool = False) -> None:
        """Let one waiting message arrive; `keep` it to arrive again."""
        message = self.messages[index]
        if not keep:
            del self.messages[index]
        self._inbox.put_nowait(message)


class JobQueue:
    """The real queue, emptied by the machine instead of a worker's blocking loop."""

    def __init__(self) -> None:
        self._queue = django_rq.get_queue(QUEUE)
        self.flush()

    def take(self) -> UUID | None:
        assert queue.flush(5)
        job_id = self._queue.connection.lpop(self._queue.key)
        return UUID(job_id.decode()) if isinstance(job_id, bytes) else None

    def flush(self) -> None:
        """Lose everything, as a restarted Redis does."""
        assert queue.flush(5)
        self._queue.connection.flushdb()
