from __future__ import annotations

import asyncio
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from execution.keeper import keep, keeper_round
from execution.storage import Database
from orders import claims
from orders.models import Order, Status

from .steps import until_step

PAST = Now() - timedelta(seconds=1)


async def closed(stage, order_ids):
    async with asyncio.timeout(60):
        while True:
            orders = [await stage.order(order_id) for order_id in order_ids]
            if all(order.is_closed for order in orders):
                return orders
            await asyncio.sleep(0.02)


async def test_a_hundred_orders_at_once_are_a_hundred_swaps(stage, make_runner):
    runner = await make_runner()
    order_ids = [await stage.place() for _ in range(100)]

    await asyncio.gather(*(runner.take(order_id) for order_id in order_ids))
    await runner.finished()

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert {order.status for order in orders} == {Status.CONFIRMED}
    landed = await stage.landed()
    assert {entry["signature"] for entry in landed} == {o.signature for o in orders}
    assert len(landed) == 100


async def test_what_was_read_with_the_claim_is_not_read_again(stage, make_runner):
    runner = await make_runner()
    asked = []

    async def run(call, *args, **kwargs):
        asked.append(getattr(call, "__name__", ""))
        return await Database.run(stage.database, call, *args, **kwargs)

    stage.database.run = run
    await runner.take(await stage.place())
    await runner.finished()

    assert "transition_all" in asked
    assert "read_all_held" not in asked


async def test_a_job_that_comes_twice_carries_the_order_once(stage, make_runner):
    first, second = await make_runner(owner="one"), await make_runner(owner="two")
    order_id = await stage.place()

    await asyncio.gather(*(r.take(order_id) for r in (first, second, first, second)))
    await first.finished()
    await second.finished()

    assert (await stage.order(order_id)).status == Status.CONFIRMED
    assert len(await stage.landed()) == 1


async def test_a_full_runner_makes_a_job_wait_for_a_place(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner(capacity=1)
    first, second = await stage.place(), await stage.place()
    await runner.take(first)

    waiting = asyncio.create_task(runner.take(second))
    await asyncio.wait({waiting}, timeout=0.05)

    assert not waiting.done()
    stage.bring_chain_back()
    await waiting
    orders = await closed(stage, [first, second])
    assert [order.status for order in orders] == [Status.CONFIRMED] * 2


async def test_places_are_taken_before_the_orders_are_claimed(stage, make_runner):
    runner = await make_runner(capacity=3)
    held = await stage.place()
    await stage.claim(held)

    await runner.take_all([(await stage.place(), ""), (held, "")])
    free_at_once = runner.free_places
    await runner.claimed()
    free_when_claimed = runner.free_places
    await runner.finished()

    # Somebody else holds the second, so its place is free again.
    assert (free_at_once, free_when_claimed, runner.free_places) == (1, 2, 3)


async def test_a_full_runner_says_when_a_place_is_free(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner(capacity=1)
    await runner.take(await stage.place())
    waiting = asyncio.create_task(runner.place_free())
    await asyncio.wait({waiting}, timeout=0.05)
    assert (waiting.done(), runner.free_places) == (False, 0)

    stage.bring_chain_back()
    await waiting

    assert runner.free_places == 1


async def test_a_planned_stop_gives_orders_back_and_does_not_count(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner()
    order_id = await stage.place()
    await runner.take(order_id)
    await runner.claimed()

    await runner.stop(drain_s=0.05)

    order = await stage.order(order_id)
    assert (order.lease_owner, order.lease_until, order.idle_claims) == ("", None, 0)
    assert await stage.database.run(claims.claim_order, order_id, owner="next")


async def test_the_keeper_takes_only_what_is_overdue(stage, make_runner):
    runner = await make_runner()
    fresh, overdue = await stage.place(), await stage.place()
    await stage.change(overdue, due_at=Now() - timedelta(seconds=1))

    await keeper_round(runner)
    await runner.finished()

    assert (await stage.order(fresh)).status == Status.PENDING
    assert (await stage.order(overdue)).status == Status.CONFIRMED


async def test_the_keeper_takes_a_suspect_alone_and_nothing_beside_it(
    stage, make_runner
):
    suspect, overdue = await stage.place(), await stage.place()
    await until_step(stage, await stage.claim(suspect), Status.ROUTING)
    fence_before = (await stage.order(suspect)).fence
    stage.take_chain_away()
    runner = await make_runner()
    past = Now() - timedelta(seconds=1)
    await stage.change(suspect, idle_claims=2, lease_until=past, due_at=past)
    await stage.change(overdue, due_at=past)

    await keeper_round(runner)
    fence_beside = (await stage.order(suspect)).fence
    await runner.stop(drain_s=0)
    alone = await make_runner(owner="alone")
    await stage.change(overdue, due_at=Now() + timedelta(hours=1))
    await keeper_round(alone)
    await stage.change(overdue, due_at=past)
    await keeper_round(alone)

    assert fence_beside == fence_before
    assert (await stage.order(suspect)).lease_owner == "alone"
    assert (await stage.order(overdue)).lease_owner == ""


async def test_a_runner_drops_what_another_holder_has_claimed(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner()
    order_id = await stage.place()
    await runner.take(order_id)
    await runner.claimed()

    await stage.change(order_id, fence=F("fence") + 1, lease_owner="another")
    await runner.renew()
    await runner.finished()

    assert runner.is_idle
    assert (await stage.order(order_id)).lease_owner == "another"


async def test_a_renewal_moves_the_leases_of_all_orders_on(stage, make_runner):
    stage.take_chain_away()
    runner = await make_runner()
    order_ids = [await stage.place() for _ in range(3)]
    for order_id in order_ids:
        await runner.take(order_id)
        await runner.claimed()
        await stage.change(order_id, lease_until=Now() - timedelta(seconds=5))

    await runner.renew()

    leased = Order.objects.filter(lease_until__gt=Now() + timedelta(seconds=9))
    assert await stage.database.run(leased.count) == 3


async def test_suspects_that_make_a_step_are_taken_one_after_the_other_at_once(
    stage, make_runner
):
    order_ids = [await stage.place() for _ in range(20)]
    for order_id in order_ids:
        await stage.change(order_id, idle_claims=2, due_at=PAST)
    keeping = asyncio.create_task(keep(await make_runner(), round_s=60))

    try:
        orders = await closed(stage, order_ids)
    finally:
        keeping.cancel()

    assert {order.status for order in orders} == {Status.CONFIRMED}


async def test_a_suspect_without_a_step_is_alone_until_a_lease_has_passed(
    stage, make_runner
):
    suspect, next_one = await stage.place(), await stage.place()
    await until_step(stage, await stage.claim(suspect), Status.ROUTING)
    stage.take_chain_away()
    for order_id in (suspect, next_one):
        await stage.change(order_id, idle_claims=2, lease_until=PAST, due_at=PAST)
    runner = await make_runner(owner="alone")

    for _ in range(3):
        await keeper_round(runner)

    owners = [(await stage.order(order)).lease_owner for order in (suspect, next_one)]
    assert sorted(owners) == ["", "alone"]
