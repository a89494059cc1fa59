"""PostgreSQL and Redis go away, come back and stall while orders are in flight."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from execution.keeper import keep
from execution.storage import CONNECTION_ERRORS
from execution.tests.locks import held_up
from execution.tests.steps import until
from orders import queue
from orders.models import OPEN, Order, Status
from ordersite import pytest_embedded
from ordersite.embedded import Postgres, Valkey

PAST = Now() - timedelta(seconds=1)
COUNT = 50


def server(kind):
    (found,) = [s for s in pytest_embedded._servers if isinstance(s, kind)]
    return found


@pytest.fixture
def postgres(transactional_db):
    """The server of this run; the test's own connection is lost with it."""
    yield server(Postgres)
    connection.close()


async def restart_at_once(postgres, caplog):
    """Restart as `pg_ctl restart -m immediate` does; it is away until that is noticed."""
    caplog.clear()
    postgres.process.send_signal(signal.SIGQUIT)
    await asyncio.to_thread(postgres.process.wait, 30)
    async with asyncio.timeout(20):
        while "database: " not in caplog.text:
            await asyncio.sleep(0.005)
    # Not in a thread: the server would end with it.
    postgres.start()


@contextlib.asynccontextmanager
async def keeping(make_runner):
    """Let a keeper make its rounds; its leases are renewed often."""
    runner = await make_runner(owner="keeper", renew_every_s=0.1)
    rounds = asyncio.create_task(keep(runner, round_s=0.05))
    try:
        yield runner
    finally:
        rounds.cancel()


async def read(stage, call, *args):
    """Ask the table as soon as it can be asked: a restart ends the kept connections."""
    while True:
        with contextlib.suppress(*CONNECTION_ERRORS):
            return await stage.database.run(call, *args)
        await asyncio.sleep(0.01)


async def until_closed(stage, order_ids):
    async with asyncio.timeout(60):
        while await read(stage, open_of, order_ids):
            await asyncio.sleep(0.02)


def open_of(order_ids):
    return Order.objects.filter(id__in=order_ids, status__in=OPEN).count()


def signed_of(order_ids):
    return Order.objects.filter(id__in=order_ids).exclude(signature="").count()


async def swaps_of(stage, order_ids):
    named = Counter(entry["memo"].split()[1][:36] for entry in await stage.landed())
    return [named[str(order_id)] for order_id in order_ids]


async def test_orders_finish_while_redis_is_stopped(stage, make_runner):
    valkey = server(Valkey)
    lost = queue.lost()
    valkey.stop()
    try:
        order_ids = [await stage.place() for _ in range(5)]
        # Minutes pass: nobody takes them, so they are overdue.
        for order_id in order_ids:
            await stage.change(order_id, due_at=PAST)
        async with keeping(make_runner):
            await until_closed(stage, order_ids)
    finally:
        valkey.start()  # not in a thread: the server would end with it

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [(o.status, o.attempt) for o in orders] == [(Status.CONFIRMED, 1)] * 5
    assert await swaps_of(stage, order_ids) == [1] * 5
    assert queue.lost() == lost + 5


async def test_orders_in_flight_survive_an_immediate_restart_of_postgresql(
    postgres, stage, make_runner, caplog
):
    order_ids = await asyncio.gather(*(stage.place() for _ in range(COUNT)))
    orders = Order.objects.filter(id__in=order_ids)
    await stage.database.run(lambda: orders.update(due_at=PAST))
    async with keeping(make_runner):
        for signed in (COUNT // 4, COUNT // 2):
            async with asyncio.timeout(30):
                while await read(stage, signed_of, order_ids) < signed:
                    await asyncio.sleep(0.002)
            await restart_at_once(postgres, caplog)
        await until_closed(stage, order_ids)

    stored = await read(stage, list, orders)
    assert Counter((o.status, o.attempt) for o in stored) == {
        (Status.CONFIRMED, 1): COUNT
    }
    assert await swaps_of(stage, order_ids) == [1] * COUNT


async def test_a_row_that_is_locked_for_seconds_holds_up_its_order_alone(
    stage, make_runner, caplog
):
    locked, other = await stage.place(), await stage.place()
    for order_id in (locked, other):
        await stage.change(order_id, due_at=PAST)
    stage.engine.may_sign.clear()
    async with keeping(make_runner):
        for order_id in (locked, other):
            await until(stage, order_id, lambda o: o.status == Status.BUILDING)
        row = Order.objects.select_for_update().filter(id=locked)
        async with held_up(lambda: list(row)), asyncio.timeout(20):
            stage.engine.may_sign.set()
            await until(stage, other, lambda o: o.status == Status.CONFIRMED)
            while f"order {locked}: database: canceling" not in caplog.text:
                await asyncio.sleep(0.01)
        await until_closed(stage, [locked])

    order = await stage.order(locked)
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert await swaps_of(stage, [locked, other]) == [1, 1]
