"""A runner whose database fails or holds it up, and a keeper that is stopped meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from execution.keeper import keeper_round
from orders.models import Order, Status
from orders.tests.faults import frozen_database, no_database

from .locks import held_up
from .steps import until

ORDERS = Order._meta.db_table
PAST = Now() - timedelta(seconds=1)


@contextlib.asynccontextmanager
async def orders_renamed(stage):
    """Fail every statement on orders with an error that is no lost connection."""

    def rename(old, new):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await stage.database.run(rename, ORDERS, "elsewhere")
    try:
        yield
    finally:
        await stage.database.run(rename, "elsewhere", ORDERS)


def lock_orders():
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {ORDERS} IN ACCESS EXCLUSIVE MODE")


def waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


async def test_a_keeper_that_is_stopped_while_it_claims_gives_back_what_it_claimed(
    stage, make_runner
):
    runner = await make_runner(owner="keeper")
    order_id = await stage.place()
    await stage.change(order_id, due_at=PAST)
    stage.take_chain_away()

    async with held_up(lock_orders):
        round_ = asyncio.create_task(keeper_round(runner))
        async with asyncio.timeout(2):
            while not await stage.database.run(waits_for_a_lock):
                await asyncio.sleep(0.005)
        round_.cancel()
        stopping = asyncio.create_task(runner.stop(drain_s=0))
        await asyncio.wait({round_})
    await stopping

    order = await stage.order(order_id)
    assert order.fence == 1  # it was claimed
    assert (order.lease_owner, order.lease_until, order.idle_claims) == ("", None, 0)


async def test_leases_are_renewed_again_after_an_error_nobody_foresaw(
    stage, make_runner, caplog
):
    stage.localnet.control("localnet_fault", {"kind": "hide"})
    runner = await make_runner(renew_every_s=0.01)
    order_id = await stage.place()
    await runner.take(order_id)

    def is_only_watched(order):
        landed = stage.localnet.ledger.store.history.transaction(order.signature)
        return landed is not None

    # From here on it reads nothing of the table that is about to go.
    await until(stage, order_id, is_only_watched)

    async with orders_renamed(stage), asyncio.timeout(5):
        while "leases were not renewed" not in caplog.text:
            await asyncio.sleep(0.005)
    await stage.change(order_id, lease_until=PAST)

    def is_leased(order):
        return order.lease_until > order.created_at + timedelta(seconds=5)

    await until(stage, order_id, is_leased)


async def test_a_claim_that_failed_gives_its_place_back(stage, make_runner):
    runner = await make_runner(capacity=1)
    order_id = await stage.place()
    async with orders_renamed(stage):
        await runner.take(order_id)
        await runner.claimed()

    async with asyncio.timeout(5):
        await runner.take(order_id)
    await runner.finished()

    assert (await stage.order(order_id)).status == Status.CONFIRMED


@pytest.fixture
def own_backend(transactional_db):
    """The PostgreSQL process behind the connection that ends the test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


async def test_a_stop_ends_cleanly_although_the_database_is_away(
    own_backend, stage, make_runner, caplog
):
    stage.take_chain_away()
    runner = await make_runner()
    order_id = await stage.place()
    await runner.take(order_id)
    await runner.claimed()

    def end_connections():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database()"
                " AND pid NOT IN (pg_backend_pid(), %s)",
                [own_backend],
            )
        connection.close()

    await asyncio.to_thread(end_connections)
    away = no_database()
    await asyncio.to_thread(away.__enter__)
    try:
        await runner.stop(drain_s=0)
    finally:
        await asyncio.to_thread(away.__exit__, None, None, None)

    def lease_owner():
        try:
            return Order.objects.get(id=order_id).lease_owner
        finally:
            connection.close()

    assert "could not be given back" in caplog.text
    # The engine's own threads may still hold a connection that was ended.
    assert await asyncio.to_thread(lease_owner) == runner.owner


async def test_a_suspect_that_did_no_harm_for_a_while_holds_up_nobody(
    stage, make_runner
):
    stage.take_chain_away()
    runner = await make_runner(alone_s=0)
    suspect, overdue = await stage.place(), await stage.place()
    await stage.change(suspect, idle_claims=2, due_at=PAST)

    await keeper_round(runner)
    await stage.change(overdue, due_at=PAST)
    await keeper_round(runner)

    owners = [(await stage.order(order)).lease_owner for order in (suspect, overdue)]
    assert owners == [runner.owner, runner.owner]


async def test_orders_that_only_wait_for_the_chain_hold_up_no_suspect(
    stage, make_runner
):
    stage.take_chain_away()
    runner = await make_runner(alone_s=0)
    waiting, suspect = await stage.place(), await stage.place()
    await stage.change(waiting, due_at=PAST)
    await keeper_round(runner)

    await stage.change(suspect, idle_claims=2, due_at=PAST)
    await keeper_round(runner)

    owners = [(await stage.order(order)).lease_owner for order in (waiting, suspect)]
    assert owners == [runner.owner, runner.owner]


async def test_a_keeper_that_is_never_idle_still_sets_poison_aside(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner()
    waiting, poison = await stage.place(), await stage.place()
    await stage.change(waiting, due_at=PAST)
    await stage.change(poison, idle_claims=20, due_at=PAST)

    await keeper_round(runner)

    assert (await stage.order(poison)).needs_review_at is not None
    assert (await stage.order(poison)).lease_owner == ""


@pytest.mark.parametrize("status", [Status.ROUTING, Status.SUBMITTED])
async def test_orders_go_on_after_the_database_stood_still(
    stage, make_runner, settings, status
):
    settings.DATABASE_TIMEOUT_S = 0.5
    stage.set_localnet(delayMs=100)
    runner = await make_runner()
    order_ids = [await stage.place() for _ in range(5)]
    for order_id in order_ids:
        await runner.take(order_id)
    await until(stage, order_ids[-1], lambda order: order.status == status)

    with frozen_database():
        # The length of the fault: several calls wait in vain, and others are refused.
        await asyncio.sleep(1.5)
    async with asyncio.timeout(20):
        await runner.finished()

    for order_id in order_ids:
        assert (await stage.order(order_id)).status == Status.CONFIRMED
    assert len(await stage.landed()) == len(order_ids)
