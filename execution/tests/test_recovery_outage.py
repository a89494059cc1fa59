"""Orders of dead holders while the chain is away."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from django.db.models import F

from execution.keeper import keeper_round
from orders.models import Attempt, Status

from .steps import HAPPY, until
from .test_recovery import PAST, left_at, swaps_of


async def test_orders_of_every_status_say_that_the_chain_is_away_and_then_go_on(
    stage, make_runner
):
    order_ids = [await left_at(stage, Status(status)) for status in HAPPY[:4]]
    stage.take_chain_away()
    runner = await make_runner(owner="keeper", renew_every_s=0.05)

    await keeper_round(runner)
    for order_id in order_ids:
        await until(
            stage, order_id, lambda order: order.waiting_code == "chain_unreachable"
        )
    # A minute passes; the leases are renewed meanwhile.
    for order_id in order_ids:
        minute = timedelta(minutes=1)
        await stage.change(
            order_id,
            deadline=F("deadline") - minute,
            created_at=F("created_at") - minute,
            waiting_since=F("waiting_since") - minute,
        )
    stage.bring_chain_back()
    await runner.finished()

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [(o.status, o.attempt, o.fence) for o in orders] == [
        (Status.CONFIRMED, 1, fence) for fence in (1, 2, 2, 2)
    ]
    assert [await swaps_of(stage, order.id) for order in orders] == [["1"]] * 4
    for order_id in order_ids:
        waited = [
            data["waitedFor"]["waitedMs"]
            for _, _, data in await stage.history(order_id)
            if "waitedFor" in data
        ]
        assert len(waited) == 1
        assert waited[0] >= 60_000


async def test_a_deadline_that_passes_while_the_chain_is_away_says_so(stage):
    stage.take_chain_away()
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(
        stage, order_id, lambda order: order.waiting_code == "chain_unreachable"
    )

    await stage.change(order_id, deadline=PAST)
    order = await carrying

    assert (order.status, order.failure_code) == (Status.EXPIRED, "deadline_passed")
    assert "It waited: No RPC endpoint answered" in order.failure_message
    assert order.attempt == 1
    assert not await stage.database.run(Attempt.objects.exists)
