"""The hub: one query for all sockets, and what it does while its helpers are away."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID

import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import (  # type: ignore[import-untyped]
    RedisPubSubChannelLayer,
)
from django.db import connection

from orders import events, history, hub
from orders.events import GROUP
from orders.feed import Feed
from orders.hub import current_hub
from orders.models import Status
from orders.threads import in_thread

from .clients import events_of, open_socket
from .faults import silent_server
from .helpers import (
    HAPPY_PATH,
    claim,
    make_order,
    make_order_at,
    move,
    stored_texts,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reads(monkeypatch):
    """Collect how many orders each query of the hub asked for."""
    sizes: list[int] = []
    read = history._read

    def counted(cursors: dict[UUID, int]) -> history.Page:
        sizes.append(len(cursors))
        return read(cursors)

    monkeypatch.setattr(history, "_read", counted)
    return sizes


async def next_texts(feed: Feed, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await feed.take()).text for _ in range(count)]


async def test_orders_marked_together_are_read_together(reads):
    orders = [(await in_thread(make_order)).id for _ in range(30)]
    feed = Feed()
    for order_id in orders:
        current_hub().subscribe(feed, order_id, after=0)

    await next_texts(feed, 30)

    assert reads[0] == 30
    current_hub().unsubscribe(feed)


async def test_a_socket_that_leaves_is_not_read_for(reads):
    order = await in_thread(make_order)
    feed = Feed()
    current_hub().subscribe(feed, order.id, after=0)
    await next_texts(feed, 1)
    current_hub().unsubscribe(feed)
    reads.clear()

    await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))
    assert await in_thread(events.flush, 5)
    async with open_socket(f"?orderId={order.id}&after=1") as socket:
        assert (await socket.frame())["sequence"] == 2

    assert set(reads) == {1}
    assert feed._frames.empty()


async def test_a_full_feed_loses_nothing_and_repeats_nothing():
    """What finds no room stays in PostgreSQL until the feed is empty again."""
    orders = [
        (await in_thread(lambda: make_order_at(Status.CONFIRMED)))[0] for _ in range(4)
    ]
    feed = Feed(room=3)
    for order in orders:
        current_hub().subscribe(feed, order.id, after=0)

    seen: list[str] = []
    while len(seen) < 20:
        seen += await next_texts(feed, 1)
        if feed.may_resume:
            current_hub().resume(feed)

    tables = await in_thread(stored_texts, orders)
    for table in tables:
        assert [text for text in seen if text in table] == table
    current_hub().unsubscribe(feed)


async def test_what_is_too_much_for_one_read_comes_with_the_next_ones(
    monkeypatch, reads
):
    """Neither the rows nor the bytes of a read are without bound."""
    monkeypatch.setattr(history, "PAGE_ROWS", 3)
    monkeypatch.setattr(history, "PAGE_BYTES", 100)
    data = {status: {"note": "x" * 90} for status in HAPPY_PATH}
    orders = [
        (await in_thread(lambda: make_order_at(Status.CONFIRMED, data=data)))[0]
        for _ in range(4)
    ]
    feed = Feed()
    for order in orders:
        current_hub().subscribe(feed, order.id, after=0)

    seen = await next_texts(feed, 20)

    # Two rows of 90 bytes are more than 100: the second is still read, the third is not.
    assert len(reads) >= 10
    for table in await in_thread(stored_texts, orders):
        assert [text for text in seen if text in table] == table
    current_hub().unsubscribe(feed)


async def test_a_feed_that_is_behind_does_not_hold_up_another():
    order, _ = await in_thread(lambda: make_order_at(Status.CONFIRMED))
    stuck, free = Feed(room=1), Feed()
    current_hub().subscribe(stuck, order.id, after=0)
    current_hub().subscribe(free, order.id, after=0)

    assert len(await next_texts(free, 5)) == 5
    assert stuck.behind
    current_hub().unsubscribe(stuck)


def kill_connections() -> None:
    """Cut every other connection to the database, as a restart does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


async def test_a_restart_of_the_database_only_delays_events(caplog):
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}") as socket:
        await socket.frame()
        await in_thread(kill_connections)
        with caplog.at_level(logging.WARNING, "orders.hub"):
            await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))

            assert (await socket.frame())["sequence"] == 2
    assert "events of 1 orders wait" in caplog.text


def use_redis(monkeypatch, address: str) -> None:
    layer = RedisPubSubChannelLayer(hosts=[{"address": address, "socket_timeout": 15}])
    monkeypatch.setitem(channel_layers.backends, "default", layer)


async def stream_without_hints(monkeypatch, address: str) -> None:
    monkeypatch.setattr(hub, "GAP_QUERY_S", 0.1)
    use_redis(monkeypatch, address)
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}") as socket:
        assert (await socket.frame())["sequence"] == 1
        await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))
        assert (await socket.frame())["sequence"] == 2


async def test_sockets_live_on_the_gap_query_while_redis_is_down(monkeypatch):
    await stream_without_hints(monkeypatch, "redis://127.0.0.1:1/0")


async def test_sockets_live_on_the_gap_query_while_redis_is_silent(monkeypatch):
    with silent_server() as port:
        await stream_without_hints(monkeypatch, f"redis://127.0.0.1:{port}/0")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "orders.moved"},
        {"type": "orders.moved", "orders": ["x"]},
        {"type": "orders.moved", "orders": {"no uuid": 1}},
        {"type": "orders.moved", "orders": None},
        {"no": "type"},
        {"type": "order.event", "status": "confirmed", "sequence": 9},
    ],
)
async def test_a_forged_message_reaches_no_client_and_stops_nothing(message):
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}") as socket:
        await socket.frame()
        layer: Any = channel_layers["default"]
        await layer.group_send(GROUP, message)
        await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))

        frame = await socket.frame()
        assert (frame["sequence"], frame["status"]) == (2, "routing")


async def test_an_idle_hub_keeps_no_connection(monkeypatch):
    order, _ = await in_thread(lambda: make_order_at(Status.CONFIRMED))
    rested = asyncio.Event()
    rest = history.HistoryReader.rest

    async def observed(reader: history.HistoryReader) -> None:
        await rest(reader)
        rested.set()

    monkeypatch.setattr(history.HistoryReader, "rest", observed)
    await events_of(order.id)

    async with asyncio.timeout(10):
        await rested.wait()
    assert await in_thread(count_connections) == 0


def count_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE '%%unnest%%' AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])
