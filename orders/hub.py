"""One hub per web process: it reads the events that sockets wait for, once for all.

A hint over Redis, a socket that subscribes and the clock all do the same: they mark
orders as worth a look. One query then reads the rows that the sockets have not seen yet,
for all marked orders together. So replay, live events and the healing of lost hints are
one code path, and rows are all that a client ever sees.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers

from .access.watch import Watch
from .events import GROUP, MESSAGE_TYPE
from .feed import Feed
from .history import HistoryReader, StoredEvent
from .socket_intake import SocketIntake
from .standing import StandingReader

logger = logging.getLogger(__name__)

GAP_QUERY_S = 1.5  # with the read itself, no event without a hint comes over 2 s late
BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Hub:
    """Carries stored events to the feeds of this process's sockets."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, reader: HistoryReader | None = None
    ) -> None:
        self.loop = loop
        self.standings = StandingReader()
        self.placements = SocketIntake()
        self.rights = Watch()
        self._feeds: dict[UUID, set[Feed]] = {}
        self._marked: set[UUID] = set()
        self._wake = asyncio.Event()
        self._next_gap_query = 0.0
        self._reader = reader or HistoryReader()
        # Started with the first socket: daphne has no start-up hook.
        self._tasks = (
            loop.create_task(self._carry(), name="order-events"),
            loop.create_task(self._listen(), name="order-hints"),
        )

    def subscribe(self, feed: Feed, order_id: UUID, after: int) -> None:
        """Have the events of an order after sequence `after` put into `feed`, once."""
        if feed.knows(order_id):
            return
        feed.cursors[order_id] = after
        self._feeds.setdefault(order_id, set()).add(feed)
        self._mark([order_id])

    def unsubscribe(self, feed: Feed) -> None:
        """Forget a feed whose socket is gone."""
        for order_id in feed.cursors:
            self._forget(feed, order_id)

    def resume(self, feed: Feed) -> None:
        """Read again what `feed` had no room for."""
        feed.behind = False
        self._mark(feed.cursors)

    def _mark(self, order_ids: Iterable[UUID]) -> None:
        self._marked.update(order_ids)
        self._wake.set()

    def _forget(self, feed: Feed, order_id: UUID) -> None:
        feeds = self._feeds.get(order_id, set())
        feeds.discard(feed)
        if not feeds and self._feeds.pop(order_id, None) is not None:
            self._wake.set()  # an idle hub gives its connection back

    async def _carry(self) -> None:
        failures = 0
        try:
            while True:
                marked = await self._next_marked()
                cursors = self._cursors(marked)
                try:
                    if cursors:
                        page = await self._reader.read(cursors)
                        self._deliver(page.events)
                        if not page.is_last:
                            self._mark(marked)
                    elif not self._feeds:
                        await self._reader.rest()
                    failures = 0
                except Exception as error:  # the sockets wait until it is back
                    logger.warning("events of %d orders wait: %r", len(cursors), error)
                    self._marked.update(marked)
                    self._wake.set()
                    await _back_off(failures)
                    failures += 1
        finally:
            self._reader.close()

    async def _next_marked(self) -> set[UUID]:
        """Wait for marked orders; every GAP_QUERY_S all orders are."""
        try:
            async with asyncio.timeout_at(
                self._next_gap_query if self._feeds else None
            ):
                await self._wake.wait()
        except TimeoutError:
            pass
        if self.loop.time() >= self._next_gap_query:
            self._next_gap_query = self.loop.time() + GAP_QUERY_S
            self._marked.update(self._feeds)
        self._wake.clear()
        marked, self._marked = self._marked, set()
        return marked

    def _cursors(self, order_ids: Iterable[UUID]) -> dict[UUID, int]:
        """Return for each order the sequence after which some feed misses events."""
        cursors = {}
        for order_id in order_ids:
            ready = [
                feed.cursors[order_id]
                for feed in self._feeds.get(order_id, ())
                if not feed.behind
            ]
            if ready:
                cursors[order_id] = min(ready)
        return cursors

    def _deliver(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            for feed in tuple(self._feeds.get(event.order_id, ())):
                if feed.offer(event) and event.is_terminal:
                    self._forget(feed, event.order_id)

    async def _listen(self) -> None:
        """Mark the orders that hints name, for as long as the process lives."""
        layer: Any = channel_layers[DEFAULT_CHANNEL_LAYER]
        channel = await _join(layer)
        while not _is_cancelled():
            try:
                # Never cancelled and never timed out: that would delete the channel.
                message = await layer.receive(channel)
                if message["type"] == MESSAGE_TYPE:
                    self._mark(self._news(message["orders"]))
            except Exception:  # anybody with access to Redis can send anything
                logger.exception("a hint was unreadable")

    def _news(self, hints: dict[str, int]) -> list[UUID]:
        """Return the orders of which some feed has not seen the hinted event yet."""
        cursors = self._cursors(map(UUID, hints))
        return [
            order_id
            for order_id, seen in cursors.items()
            if hints[str(order_id)] > seen
        ]


async def _join(layer: Any) -> str:
    """Subscribe to the hints, as often as it takes; redis-py keeps it up from then on."""
    failures = 0
    while True:
        try:
            # A failed new_channel() leaves its queue behind in the layer, so the
            # connection is tried first with a message that nobody minds.
            await layer.group_send(GROUP, {"type": "hello"})
            channel: str = await layer.new_channel()
            await layer.group_add(GROUP, channel)
        except Exception as error:  # meanwhile the gap query carries the events
            logger.warning("no hints from Redis yet: %r", error)
            await _back_off(failures)
            failures += 1
        else:
            return channel


def _is_cancelled() -> bool:
    # redis-py can swallow a cancellation that meets it while it connects.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _back_off(failures: int) -> None:
    await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])


_hub: Hub | None = None


def current_hub() -> Hub:
    """Return the hub of the running loop: a web process has one of each."""
    global _hub
    loop = asyncio.get_running_loop()
    if _hub is None or _hub.loop is not loop:
        _hub = Hub(loop)
    return _hub
