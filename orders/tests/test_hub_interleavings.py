"""The hub and its feeds under random interleavings of everything that happens to them."""

from __future__ import annotations

import asyncio
import itertools
import random
from functools import partial
from uuid import UUID

import pytest

from orders import events, history, hub
from orders.feed import Feed
from orders.hub import current_hub
from orders.threads import in_thread

from .helpers import HAPPY_PATH, claim, make_order, move, stored_texts

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = list(itertools.pairwise(HAPPY_PATH))


class Listener:
    """A feed of several orders, with what it took of each."""

    def __init__(self, feed: Feed, orders: dict[UUID, int]) -> None:
        self.feed = feed
        self.first = orders
        self.texts: list[str] = []
        for order_id, after in orders.items():
            current_hub().subscribe(feed, order_id, after)

    async def take(self) -> None:
        self.texts.append((await self.feed.take()).text)
        if self.feed.may_resume:
            current_hub().resume(self.feed)


@pytest.mark.parametrize("seed", range(6))
async def test_any_interleaving_gives_every_feed_the_table_once(monkeypatch, seed):
    """Feeds come, read, rest and go while orders move, hints lie and reads are small."""
    rng = random.Random(seed)
    monkeypatch.setattr(hub, "GAP_QUERY_S", 0.05)
    monkeypatch.setattr(history, "PAGE_ROWS", rng.randint(1, 8))
    orders = [await in_thread(make_order) for _ in range(4)]
    moves = [(await in_thread(claim, order), iter(STEPS)) for order in orders]
    listeners: list[Listener] = []
    for _ in range(120):
        match rng.choice(["come", "go", "read", "read", "move", "hint", "pass"]):
            case "come":
                some = rng.sample(orders, rng.randint(1, 4))
                feed = Feed(rng.randint(1, 4), rng.choice([1, 300, 10_000]))
                after = {order.id: rng.randint(0, 1) for order in some}
                listeners.append(Listener(feed, after))
            case "go" if listeners:
                gone = listeners.pop(rng.randrange(len(listeners)))
                current_hub().unsubscribe(gone.feed)
            case "read" if listeners:
                listener = rng.choice(listeners)
                if not listener.feed._frames.empty():
                    await listener.take()
            case "move":
                held, steps = rng.choice(moves)
                if step := next(steps, None):
                    await in_thread(partial(move, held, *step))
            case "hint":
                order_id = str(rng.choice(orders).id)
                events._sender().send(order_id, rng.randint(0, 9))
            case _:
                await asyncio.sleep(rng.random() / 100)

    tables = dict(
        zip(
            (order.id for order in orders),
            await in_thread(stored_texts, orders),
            strict=True,
        )
    )
    for listener in listeners:
        expected = {
            order_id: tables[order_id][after:]
            for order_id, after in listener.first.items()
        }
        async with asyncio.timeout(10):
            while len(listener.texts) < sum(map(len, expected.values())):
                await listener.take()
        for texts in expected.values():
            assert [text for text in listener.texts if text in texts] == texts
        assert listener.feed._frames.empty()
        current_hub().unsubscribe(listener.feed)
