"""A real worker is killed or frozen with orders in flight; a real keeper takes them over."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from collections import Counter
from datetime import timedelta

import django_rq
import pytest
from django.db.models.functions import Now

from orders.models import OPEN, Attempt, Order, Status

from .processes import KEEPER, WORKER, environment_of, running

pytestmark = pytest.mark.early

# A lease that was just renewed, a keeper's round, and some time to do the work.
RECOVERED_WITHIN_S = 15.0
# What the chain takes for itself: so all orders are in flight when the fault strikes.
LANDS_LATE_S = 2.0


@pytest.fixture
def environment(stage, tmp_path):
    django_rq.get_queue("orders").empty()  # of what other tests queued
    return environment_of(stage, tmp_path / "wallet.json")


@contextlib.asynccontextmanager
async def worker_and_keeper(stage, environment):
    """Start both, and wait until each has carried an order: they are warm then."""
    async with running(environment, *WORKER) as worker:
        await until_closed(stage, [await stage.place()])
        async with running(environment, *KEEPER) as keeper:
            late = await stage.place()
            await stage.change(late, due_at=Now() - timedelta(seconds=1))
            await until_closed(stage, [late])
            yield worker, keeper


async def until_closed(stage, order_ids, within_s=60):
    async with asyncio.timeout(within_s):
        while await stage.database.run(open_of, order_ids):
            await asyncio.sleep(0.02)


def open_of(order_ids):
    return Order.objects.filter(id__in=order_ids, status__in=OPEN).count()


def submitted_of(order_ids):
    return Attempt.objects.filter(order_id__in=order_ids).count()


def now():
    return Order.objects.values_list(Now(), flat=True)[0]


def orders_of(order_ids):
    return list(Order.objects.filter(id__in=order_ids))


async def in_flight(stage, count):
    """Place orders, and return when some of them were signed and none has landed."""
    rule = {"kind": "landLate", "delayS": LANDS_LATE_S}
    stage.localnet.network.faults.add(rule)
    order_ids = await asyncio.gather(*(stage.place() for _ in range(count)))
    async with asyncio.timeout(30):
        while await stage.database.run(submitted_of, order_ids) < count // 3:
            await asyncio.sleep(0.002)
    return order_ids


async def swaps_of(stage, order_ids):
    """Count what landed for each order, by the memo in the ledger."""
    named = Counter(entry["memo"].split()[1][:36] for entry in await stage.landed())
    return [named[str(order_id)] for order_id in order_ids]


def percentile(sorted_values, share):
    return sorted_values[math.ceil(share * len(sorted_values)) - 1]


def report(orders, since, statuses):
    times = sorted((order.closed_at - since).total_seconds() for order in orders)
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    print(  # noqa: T201
        f"\n{len(times)} open at the fault ({dict(statuses)}): closed after "
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, at most {times[-1]:.2f} s"
    )
    return times[-1]


async def strike(stage, worker, order_ids, number):
    """Send a signal to the worker; return when, and the orders that were open then."""
    worker.send_signal(number)
    orders = await stage.database.run(orders_of, order_ids)
    left = [order for order in orders if not order.is_closed]
    assert len(left) == len(order_ids), "some were closed before the fault"
    statuses = Counter(order.status for order in left)
    return await stage.database.run(now), [order.id for order in left], statuses


@pytest.mark.parametrize("count", [10, pytest.param(50, marks=pytest.mark.prove)])
async def test_orders_of_a_killed_worker_end_within_15_s_and_swap_once(
    stage, environment, count
):
    async with worker_and_keeper(stage, environment) as (worker, _):
        order_ids = await in_flight(stage, count)
        killed_at, left, statuses = await strike(
            stage, worker, order_ids, signal.SIGKILL
        )
        await until_closed(stage, order_ids)

    slowest = report(await stage.database.run(orders_of, left), killed_at, statuses)
    orders = await stage.database.run(orders_of, order_ids)
    assert Counter(order.status for order in orders) == {Status.CONFIRMED: count}
    assert await swaps_of(stage, order_ids) == [1] * count
    assert {order.attempt for order in orders} == {1}
    assert slowest < RECOVERED_WITHIN_S + LANDS_LATE_S


@pytest.mark.prove
async def test_a_worker_that_was_frozen_past_its_lease_wakes_and_does_no_harm(
    stage, environment
):
    async with worker_and_keeper(stage, environment) as (worker, _):
        order_ids = await in_flight(stage, 50)
        frozen_at, left, statuses = await strike(
            stage, worker, order_ids, signal.SIGSTOP
        )
        await until_closed(stage, order_ids)
        slowest = report(await stage.database.run(orders_of, left), frozen_at, statuses)
        worker.send_signal(signal.SIGCONT)
        again = [await stage.place() for _ in range(10)]
        await until_closed(stage, again)

    orders = await stage.database.run(orders_of, [*order_ids, *again])
    assert Counter(order.status for order in orders) == {Status.CONFIRMED: 60}
    assert await swaps_of(stage, [*order_ids, *again]) == [1] * 60
    assert {order.attempt for order in orders} == {1}
    assert slowest < RECOVERED_WITHIN_S + LANDS_LATE_S
