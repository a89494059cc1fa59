"""Tell the world, after commit, that an order has a new event. Hints only.

The event itself is the row in PostgreSQL. What goes over Redis says only which order
moved and how far; whoever hears it reads the rows, and whoever misses it finds them with
its next gap query.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import cache

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers

from dex.background import BackgroundLoop

from .background_sender import BackgroundSender
from .models import OrderEvent

logger = logging.getLogger(__name__)

GROUP = "orders"
MESSAGE_TYPE = "orders.moved"
MAX_WAITING = 10_000  # orders whose hint is not sent yet; further hints are dropped
MAX_IN_MESSAGE = 500
SEND_TIMEOUT_S = 2.0
# Each message costs every web process a look at PostgreSQL. A busy worker's next one waits
# a little for more orders, so that they share it; that of a lone order does not.
PAUSE_PER_ORDER_S, LONGEST_PAUSE_S = 0.002, 0.03

Listener = Callable[[OrderEvent], None]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> Callable[[], None]:
    """Have `listener` called with every event of this process, after its commit.

    It runs in the thread that wrote the event, so it must be quick. What it raises is
    logged and harms nothing. Returns a function that ends the subscription.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def publish(event: OrderEvent) -> None:
    """Tell the listeners and hint to every web process. Never blocks, never raises.

    Of an order's first event nobody needs a hint: its id is told to nobody before it is
    committed, and who subscribes then finds it in the table.
    """
    for listener in tuple(_listeners):
        try:
            listener(event)
        except Exception:
            logger.exception("a listener failed on event %s", event)
    if event.sequence > 1:
        _sender().send(str(event.order_id), event.sequence)


def publish_all(events: Iterable[OrderEvent]) -> None:
    """Publish events of different orders. Never blocks, never raises."""
    for event in events:
        publish(event)


def flush(timeout_s: float) -> bool:
    """Wait until every hint is sent or lost; for a process about to exit."""
    return _sender().flush(timeout_s)


def lost() -> int:
    """Return how many hints of this process were dropped or could not be sent."""
    return _sender().lost


class HintSender(BackgroundSender[tuple[str, int], dict[str, int]]):
    """Sends hints from one kept event loop, as many in a message as are waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = BackgroundLoop("order-hints")
        # An order that moves again before its hint is sent needs only the newer one.
        self._waiting: dict[str, int] = {}

    def send(self, order_id: str, sequence: int) -> None:
        """Send a hint soon; drop it when too many are waiting."""
        self._add((order_id, sequence))

    def _begin(self) -> Future[None]:
        return self._loop.submit(self._send_waiting())

    def _put(self, hint: tuple[str, int]) -> bool:
        order_id, sequence = hint
        if len(self._waiting) >= MAX_WAITING and order_id not in self._waiting:
            self.lost += 1
            return False
        self._waiting[order_id] = max(sequence, self._waiting.get(order_id, 0))
        return True

    def _next_batch(self) -> dict[str, int]:
        batch = dict(list(self._waiting.items())[:MAX_IN_MESSAGE])
        for order_id in batch:
            del self._waiting[order_id]
        return batch

    async def _send_waiting(self) -> None:
        while batch := self._take():
            message = {"type": MESSAGE_TYPE, "orders": batch}
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
                    await layer.group_send(GROUP, message)
            except Exception as error:  # whatever it is, the gap query heals it
                self.lost += len(batch)
                logger.warning("%d hints were lost: %r", len(batch), error)
            await asyncio.sleep(min(len(batch) * PAUSE_PER_ORDER_S, LONGEST_PAUSE_S))


@cache
def _sender() -> HintSender:
    return HintSender()


# A forked child inherits the object but neither its loop nor a connection of its own.
os.register_at_fork(after_in_child=_sender.cache_clear)
