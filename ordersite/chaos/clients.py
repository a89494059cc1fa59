"""The clients of a run: each places its orders and follows them, whatever breaks.

All of them live in one event loop in a thread of its own. An order is asked for with the
same key until it is answered. A socket that breaks, or that its client leaves at random,
is opened again with `after`, as docs/websocket.md says.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp

from dex.background import BackgroundLoop
from ordersite.wishes import order_body

from .shared import SharedSocket
from .ticket import Ticket

POST_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
PAUSE_S = (0.1, 0.6)  # between tries
# A client leaves its socket after this long on average, so that most orders see it.
LEAVES_AFTER_S = 2.0
SHARED_SOCKETS, SHARE_ON_SHARED = 4, 0.4
# So many orders have a second client, which comes up to so many seconds later.
SHARE_WATCHED, WATCHES_AFTER_S = 0.25, 4.0
CLOSE_DONE = 1000
NEVER_AGAIN = (4400, 4401, 4403, 4404)


class Clients:
    """Places orders over REST and sockets, and logs every frame."""

    def __init__(self, port: int, *, seed: int, key: str = "") -> None:
        self.tickets: list[Ticket] = []
        self.watchers: list[Ticket] = []
        self._url = f"http://127.0.0.1:{port}/api/orders/execute"
        self._credentials = {"Authorization": f"Bearer {key}"} if key else {}
        self._rng = random.Random(f"clients:{seed}")
        self._loop = BackgroundLoop("clients")
        self._session: aiohttp.ClientSession | None = None
        self._shared: list[SharedSocket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def place(self, tickets: Sequence[Ticket]) -> None:
        """Have orders placed and followed, without waiting for it."""
        watched = {
            ticket: Ticket(ticket.wish, ticket.phase, ticket.key)
            for ticket in tickets
            if self._rng.random() < SHARE_WATCHED
        }
        self.tickets += tickets
        self.watchers += watched.values()
        self._loop.submit(self._begin(tickets, watched))

    def unfinished(self) -> int:
        """Return how many orders have not ended yet, as their clients know it."""
        return sum(not ticket.is_over for ticket in self.everything)

    @property
    def everything(self) -> list[Ticket]:
        """All that any client was told."""
        return self.tickets + self.watchers

    def stop(self) -> None:
        """Close every socket and end the thread's work."""
        self._loop.run(self._stop(), 30)

    async def _begin(
        self, tickets: Sequence[Ticket], watched: Mapping[Ticket, Ticket]
    ) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                headers=self._credentials,
                timeout=aiohttp.ClientTimeout(total=POST_TIMEOUT_S),
            )
            for _ in range(SHARED_SOCKETS):
                shared = SharedSocket(self._session, self._url, self._rng, self._adopt)
                self._shared.append(shared)
                self._start(shared.run())
        for ticket in tickets:
            if self._rng.random() < SHARE_ON_SHARED:
                self._rng.choice(self._shared).place(ticket)
            else:
                self._start(_surely(ticket, self._post_and_follow(ticket)))
        for ticket, watcher in watched.items():
            self._start(_surely(watcher, self._watch(ticket, watcher)))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _adopt(self, ticket: Ticket) -> None:
        """Go on with an order whose shared socket is gone."""
        self._start(_surely(ticket, self._follow(ticket)))

    async def _post_and_follow(self, ticket: Ticket) -> None:
        while ticket.order_id is None and not ticket.is_over:
            await self._post(ticket)
        await self._follow(ticket)

    async def _watch(self, ticket: Ticket, watcher: Ticket) -> None:
        """Follow what somebody else placed, early, late or after its end."""
        while ticket.order_id is None and not ticket.is_over:
            await self._pause()
        await asyncio.sleep(self._rng.uniform(0, WATCHES_AFTER_S))
        watcher.order_id, watcher.ws_url = ticket.order_id, ticket.ws_url
        watcher.is_over = ticket.order_id is None
        await self._follow(watcher)

    async def _post(self, ticket: Ticket) -> None:
        assert self._session is not None
        ticket.posts += 1
        began = asyncio.get_running_loop().time()
        try:
            async with self._session.post(
                self._url,
                data=json.dumps(order_body(ticket.wish)),
                headers={
                    "Content-Type": "application/json",
                    "Idempotency-Key": ticket.key,
                },
            ) as response:
                status, answer = response.status, await response.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            await self._pause()  # it may be stored or not: the key settles it
            return
        if status in (200, 201):
            ticket.answered_s = asyncio.get_running_loop().time() - began
            ticket.accept(answer)
        elif ticket.refuse(answer):
            await self._pause()

    async def _follow(self, ticket: Ticket) -> None:
        while not ticket.is_over:
            try:
                await self._listen(ticket)
            except (aiohttp.ClientError, OSError, TimeoutError):
                await self._pause()

    async def _listen(self, ticket: Ticket) -> None:
        """Open a socket after what was heard so far; raises when it is over or left."""
        assert self._session is not None
        url = f"{ticket.ws_url}&after={ticket.last_sequence}"
        async with self._session.ws_connect(
            url, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
        ) as socket:
            ticket.sockets += 1
            since = datetime.now(UTC)
            async with asyncio.timeout(self._rng.expovariate(1 / LEAVES_AFTER_S)):
                async for message in socket:
                    self._hear(ticket, json.loads(message.data), since)
        if socket.close_code == CLOSE_DONE and not ticket.is_over:
            ticket.complain("closed with 1000 before its last event", ends=True)
        elif socket.close_code in NEVER_AGAIN:
            ticket.complain(f"closed with {socket.close_code}", ends=True)
        elif not ticket.is_over:
            await self._pause()

    def _hear(self, ticket: Ticket, frame: Mapping[str, Any], since: datetime) -> None:
        if "sequence" in frame:
            if frame["orderId"] != str(ticket.order_id):
                ticket.complain(f"was sent an event of order {frame['orderId']}")
            ticket.take(frame, since)
        else:
            ticket.refuse(frame)

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(*PAUSE_S))


async def _surely(ticket: Ticket, work: Any) -> None:
    """Let no client end in silence: what it raises is a complaint."""
    try:
        await work
    except Exception as error:
        ticket.complain(f"the client failed: {error!r}", ends=True)
