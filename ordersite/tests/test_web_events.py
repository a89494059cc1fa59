"""Clients of a real web process that lose their sockets, and the process with them."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from typing import Any
from uuid import UUID

import pytest
import websockets

from orders.event_frames import event_frame
from orders.models import OrderEvent
from orders.tests.helpers import HAPPY_PATH, claim, make_order, move
from orders.threads import in_thread

from .web import WebProcess, web_process

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = 20
STEPS = list(itertools.pairwise(HAPPY_PATH))


async def follow(
    web: WebProcess, order_id: UUID, rng: random.Random
) -> tuple[list[dict[str, Any]], int]:
    """Read an order to its end over many sockets; return the log and their number."""
    log: list[dict[str, Any]] = []
    for sockets in itertools.count(1):
        address = f"{web.socket_url}?orderId={order_id}&after={len(log)}"
        try:
            async with websockets.connect(address, open_timeout=20) as socket:
                patience = rng.randint(0, 4)
                async for text in socket:
                    log.append(json.loads(text))
                    if len(log) < len(HAPPY_PATH) and patience == 0:
                        break  # leaves without a word, at any moment
                    patience -= 1
                else:
                    if socket.close_code == 1000 and len(log) == len(HAPPY_PATH):
                        return log, sockets
        except (OSError, websockets.WebSocketException):
            pass  # the process is away: connect again, with `after`
    raise AssertionError("unreachable")


class Orders:
    """The orders that move, one random step after the other."""

    def __init__(self, rng: random.Random) -> None:
        self._orders = [make_order() for _ in range(ORDERS)]
        self.ids = [order.id for order in self._orders]
        self._held = {order.id: claim(order) for order in self._orders}
        self._left = [order_id for order_id in self.ids for _ in STEPS]
        self._next = dict.fromkeys(self.ids, 0)
        rng.shuffle(self._left)

    def step(self) -> bool:
        """Move one order; False when all are at their end."""
        if not self._left:
            return False
        order_id = self._left.pop()
        move(self._held[order_id], *STEPS[self._next[order_id]])
        self._next[order_id] += 1
        return True

    def table(self, order_id: UUID) -> list[dict[str, Any]]:
        events = OrderEvent.objects.filter(order_id=order_id)
        return [event_frame(event) for event in events]


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.prove)])
async def test_every_log_is_the_table_after_reconnects_and_kills_of_the_web_process(
    tmp_path, count
):
    rng = random.Random(20_261)
    orders = await in_thread(Orders, rng)
    with web_process(tmp_path) as web:
        followed = [orders.ids[number % ORDERS] for number in range(count)]
        clients = asyncio.gather(
            *(
                follow(web, order_id, random.Random(number))
                for number, order_id in enumerate(followed)
            )
        )
        for number in itertools.count():
            if not await in_thread(orders.step):
                break
            if number in (25, 55):
                web.kill()
                web.start()
            await asyncio.wait([clients], timeout=rng.random() / 10)
        async with asyncio.timeout(60):
            found = await clients

    tables = {
        order_id: await in_thread(orders.table, order_id) for order_id in orders.ids
    }
    for (log, _), order_id in zip(found, followed, strict=True):
        assert log == tables[order_id]
    assert sum(sockets for _, sockets in found) > 2 * count
