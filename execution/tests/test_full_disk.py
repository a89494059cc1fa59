"""PostgreSQL has no room left, as its own error 53100 says; then it has room again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from orders.models import Order, Status
from orders.tests.clients import order_text, post
from orders.tests.helpers import make_owner, make_token

from .steps import HAPPY, statuses, until_step


def fill_disk() -> None:
    """Have every new event refused by PostgreSQL as it does when a file cannot grow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device'"
            " USING ERRCODE = '53100'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON orders_orderevent"
            " EXECUTE FUNCTION no_room()"
        )


def make_room() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS no_room CASCADE")


@contextmanager
def full_disk() -> Iterator[None]:
    fill_disk()
    try:
        yield
    finally:
        make_room()


@pytest.mark.django_db(transaction=True)
def test_a_post_to_a_full_database_is_answered_503_and_stores_nothing():
    make_owner()
    make_token("A")
    make_token("B")

    with full_disk():
        answer = post(order_text(), idempotency_key="k")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "database_unavailable"
    assert not Order.objects.exists()

    assert post(order_text(), idempotency_key="k").status_code == 201


@pytest.mark.parametrize("status", HAPPY[:4])
async def test_an_order_waits_for_room_in_the_database_and_goes_on(
    stage, status, caplog
):
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, status)

    await stage.database.run(fill_disk)
    try:
        task = asyncio.create_task(stage.engine.carry_out(claim))
        async with asyncio.timeout(20):
            while caplog.text.count("No space left on device") < 2:
                await asyncio.sleep(0.005)
    finally:
        await stage.database.run(make_room)
    async with asyncio.timeout(20):
        await task

    order = await stage.order(order_id)
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert len(await stage.attempts(order_id)) == 1
    assert statuses(await stage.history(order_id))[-1] == "confirmed"
