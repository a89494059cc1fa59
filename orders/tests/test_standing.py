"""How far orders are: sockets that open together are answered by one query."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from django.db import OperationalError

from orders import standing
from orders.models import Status
from orders.standing import Standing, StandingReader
from orders.threads import in_thread

from .helpers import make_order, make_order_at, make_owner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queries(monkeypatch):
    """Collect how many orders each query asked for."""
    sizes: list[int] = []
    read = standing._read

    def counted(order_ids):
        sizes.append(len(order_ids))
        return read(order_ids)

    monkeypatch.setattr(standing, "_read", counted)
    return sizes


async def test_those_who_ask_while_a_query_runs_share_the_next_one(queries):
    open_order = await in_thread(make_order)
    closed, _ = await in_thread(lambda: make_order_at(Status.CONFIRMED))
    foreign = await in_thread(lambda: make_order(owner=make_owner("other")))
    reader = StandingReader()

    first = asyncio.create_task(reader.read(open_order.owner_id, open_order.id))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # its query has begun
    asked = [closed.id, open_order.id, closed.id, foreign.id, uuid4()]
    reading = (reader.read(open_order.owner_id, order_id) for order_id in asked)
    rest = await asyncio.gather(*reading)

    assert await first == Standing(1, is_closed=False)
    assert rest == [
        Standing(5, is_closed=True),
        Standing(1, is_closed=False),
        Standing(5, is_closed=True),
        None,
        None,
    ]
    assert queries == [1, 4]


async def test_a_query_that_fails_is_told_to_each_and_the_next_is_tried_again(
    monkeypatch,
):
    order = await in_thread(make_order)
    reader = StandingReader()
    read = standing._read

    def fail(order_ids):
        raise OperationalError("away")

    monkeypatch.setattr(standing, "_read", fail)
    told = await asyncio.gather(
        *(reader.read(order.owner_id, order.id) for _ in range(3)),
        return_exceptions=True,
    )
    monkeypatch.setattr(standing, "_read", read)

    assert [type(error) for error in told] == [OperationalError] * 3
    assert await reader.read(order.owner_id, order.id) == Standing(1, is_closed=False)


async def test_a_socket_that_leaves_while_it_waits_disturbs_nobody():
    order = await in_thread(make_order)
    reader = StandingReader()
    gone = asyncio.create_task(reader.read(order.owner_id, order.id))
    stays = asyncio.create_task(reader.read(order.owner_id, order.id))
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays == Standing(1, is_closed=False)
