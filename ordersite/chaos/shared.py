"""A socket over which many orders are placed, and which streams them all."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from ordersite.wishes import order_body

from .ticket import Ticket

LEAVES_AFTER_S = 8.0
PAUSE_S = 0.3
CLOSE_TIMEOUT_S = 2.0


class SharedSocket:
    """Places what it is given; after a break, orders are asked for again by their keys.

    Those that were answered go on at sockets of their own: `adopt` takes them.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        rng: random.Random,
        adopt: Callable[[Ticket], None],
    ) -> None:
        self._session = session
        self._url = url
        self._rng = rng
        self._adopt = adopt
        self._waiting: deque[Ticket] = deque()
        self._is_wanted = asyncio.Event()
        # Answered exactly once each, in the order in which they were sent.
        self._unanswered: deque[tuple[Ticket, float]] = deque()
        self._carried: dict[str, Ticket] = {}

    def place(self, ticket: Ticket) -> None:
        self._waiting.append(ticket)
        self._is_wanted.set()

    async def run(self) -> None:
        """Connect whenever something is to be placed, until cancelled."""
        while True:
            await self._is_wanted.wait()
            try:
                await self._connect()
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # broken, or left
            finally:
                self._hand_on()
            await asyncio.sleep(PAUSE_S)

    async def _connect(self) -> None:
        async with self._session.ws_connect(
            self._url, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
        ) as socket:
            since = datetime.now(UTC)
            sending = asyncio.create_task(self._send(socket))
            try:
                async with asyncio.timeout(self._rng.expovariate(1 / LEAVES_AFTER_S)):
                    async for message in socket:
                        self._hear(json.loads(message.data), since)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._is_wanted.wait()
            while self._waiting:
                ticket = self._waiting.popleft()
                # Known as sent before it is: half a message may have been a whole one.
                self._unanswered.append((ticket, asyncio.get_running_loop().time()))
                ticket.posts += 1
                body = order_body(ticket.wish) | {"idempotencyKey": ticket.key}
                await socket.send_str(json.dumps(body))
            self._is_wanted.clear()

    def _hear(self, frame: Mapping[str, Any], since: datetime) -> None:
        if "sequence" in frame:
            ticket = self._carried.get(frame["orderId"])
            if ticket is not None:
                ticket.take(frame, since)
            return
        if not self._unanswered:
            return
        ticket, sent_at = self._unanswered.popleft()
        if "wsUrl" in frame:
            ticket.answered_s = asyncio.get_running_loop().time() - sent_at
            ticket.sockets += 1
            ticket.accept(frame)
            self._carried[frame["orderId"]] = ticket
        elif ticket.refuse(frame):
            self.place(ticket)

    def _hand_on(self) -> None:
        """Ask again for what was not answered, let others follow what was."""
        for ticket, _ in reversed(self._unanswered):
            self._waiting.appendleft(ticket)
        if self._waiting:
            self._is_wanted.set()
        self._unanswered.clear()
        for ticket in self._carried.values():
            if not ticket.is_over:
                self._adopt(ticket)
        self._carried.clear()
