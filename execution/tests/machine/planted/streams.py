"""Wrong ways to bring events to sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest.mock import patch
from uuid import UUID

from orders import events, history
from orders.feed import Frame
from orders.hub import Hub


def subscribe_after_replay():
    """The history is sent first; what is new counts from the subscription on."""

    def subscribe(self, feed, order_id, after):
        if order_id not in feed.cursors:
            feed.cursors[order_id] = after
            self.loop.create_task(_replay_then_subscribe(self, feed, order_id, after))

    return patch.object(Hub, "subscribe", subscribe)


async def _replay_then_subscribe(hub, feed, order_id, after):
    for event in await _read(hub, order_id, after):
        await _forward(feed, event)
    # The table is asked how far the order is by now, and the live events begin there.
    stored = await _read(hub, order_id, 0)
    feed.cursors[order_id] = stored[-1].sequence
    hub._feeds.setdefault(order_id, set()).add(feed)
    hub._mark([order_id])


async def _read(hub, order_id, after):
    while True:
        with contextlib.suppress(ConnectionError):
            page = await hub._reader.read({order_id: after})
            return page.events


async def _forward(feed, event):
    await feed._frames.put(Frame(event.text, event.is_terminal))
    feed.cursors[event.order_id] = event.sequence


@contextlib.contextmanager
def message_forwarded_without_row() -> Iterator[None]:
    """A message carries its event, and the event goes on to the sockets as it came."""
    carried: dict[tuple[UUID, int], Frame] = {}
    publish = events.publish

    def publish_whole(event):
        text = history.frame_text(event)
        carried[event.order_id, event.sequence] = Frame(text)
        publish(event)

    def news(self, hints):
        for order_id, sequence in hints.items():
            for feed in self._feeds.get(UUID(order_id), ()):
                if sequence > feed.cursors[UUID(order_id)] and not feed._frames.full():
                    feed._frames.put_nowait(carried[UUID(order_id), sequence])
                    feed.cursors[UUID(order_id)] = sequence
        return []

    with (
        patch.object(events, "publish", publish_whole),
        patch.object(Hub, "_news", news),
    ):
        yield
