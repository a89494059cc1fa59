"""Orders at once reckon with each other: routes, floors, and when a swap stops counting."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from django.db.models.functions import Now

from dex.models import Pool
from dex.pending import PendingSwaps
from execution.carrier import Carrier
from orders.models import Order, Status
from orders.services import cancel_order

from .steps import HAPPY, statuses, step_until, until

# Each moves Raydium's pool of this pair by about 0.4 %, at 1 % slippage.
SWAP = {"token_in": "RAY", "token_out": "SOL", "amount_in": 2_000 * 10**6}


class Forgetful(PendingSwaps):
    """Reckons with nothing, as if every order were alone."""

    def applied_to(self, snapshot, pools):
        return snapshot

    def applied_in(self, pool):
        return 0


async def carry_at_once(stage, make_runner, count: int) -> list[Order]:
    """Let all orders choose their routes before the first is signed."""
    stage.engine.may_sign.clear()
    orders = [await stage.place(**SWAP) for _ in range(count)]
    runner = await make_runner()
    await asyncio.gather(*map(runner.take, orders))
    for order in orders:
        await until(stage, order, lambda order: order.status == Status.BUILDING)
    stage.engine.may_sign.set()
    await runner.finished()
    return [await stage.order(order) for order in orders]


@pytest.mark.parametrize("count", [25, pytest.param(200, marks=pytest.mark.prove)])
async def test_orders_at_once_share_the_venues_and_none_needs_another_attempt(
    stage, make_runner, count
):
    orders = await carry_at_once(stage, make_runner, count)

    assert {(order.status, order.attempt) for order in orders} == {("confirmed", 1)}
    assert {order.venue for order in orders} == {"meteora", "raydium"}
    assert len(await stage.landed()) == count
    assert await counted(stage) == 0


async def test_orders_that_do_not_reckon_with_each_other_get_in_each_others_way(
    stage, make_runner
):
    stage.engine.pending = Forgetful(stage.engine.venues)

    orders = await carry_at_once(stage, make_runner, 25)

    outcomes = Counter((order.status, order.attempt) for order in orders)
    assert outcomes[Status.CONFIRMED, 1] < 10


async def test_the_next_order_sees_a_swap_from_the_choice_of_its_route(stage):
    (first, one), (second, two) = [await routed(stage) for _ in range(2)]

    assert (one["pendingSwaps"], two["pendingSwaps"]) == (0, 1)
    assert float(two["amountOut"]) < float(one["amountOut"])
    # Both are built on the pool as it is.
    assert first.plan.quote.amount_out == second.plan.quote.amount_out
    assert first.plan.expected == first.plan.quote.amount_out > second.plan.expected


async def test_the_floor_follows_the_lower_of_the_expected_and_the_raw_quote(stage):
    carriers = [(await routed(stage))[0] for _ in range(2)]
    plan = carriers[1].plan
    assert plan.floor == plan.expected * 99 // 100 < plan.quote.amount_out * 99 // 100

    # Raydium's price for SOL is better once these have sold RAY there.
    await stage.database.run(
        Pool.objects.exclude(venue="raydium").update, enabled=False
    )
    opposite = await carry_to_route(stage, "SOL", "RAY", 30 * 10**9)
    plan = opposite.plan
    assert plan.expected > plan.quote.amount_out
    assert plan.floor == plan.quote.amount_out * 99 // 100


async def test_a_fill_is_compared_with_what_the_order_was_told(stage):
    (first, _), (second, told) = [await routed(stage) for _ in range(2)]
    for carrier in (first, second):
        await step_until(stage, carrier, Status.CONFIRMED)

    history = await stage.history(second.claim.order_id)
    assert statuses(history) == HAPPY
    assert history[-1][2]["amountOut"] == told["amountOut"]
    assert history[-1][2]["slippageBps"] == 0


async def test_a_swap_stops_counting_when_its_order_is_cancelled(stage):
    stage.engine.may_sign.clear()
    order_id = await stage.place(**SWAP)
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.BUILDING)
    assert await counted(stage) == 1

    await stage.database.run(cancel_order, await stage.order(order_id))

    assert (await carrying).status == Status.CANCELLED
    assert await counted(stage) == 0


async def test_a_swap_stops_counting_when_it_is_proved_dead(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place(**SWAP)
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.SUBMITTED)
    assert await counted(stage) == 1
    await stage.change(order_id, cancel_requested_at=Now())

    stage.let_blockhash_expire()

    assert (await carrying).status == Status.CANCELLED
    assert await counted(stage) == 0


async def carry_to_route(stage, *swap):
    carrier = Carrier(stage.engine, await stage.claim(await stage.place(*swap)))
    await step_until(stage, carrier, Status.BUILDING)
    return carrier


async def routed(stage):
    """Carry a new order up to its route; return its carrier and the route it was told."""
    carrier = await carry_to_route(stage, *SWAP.values())
    history = await stage.history(carrier.claim.order_id)
    return carrier, history[-1][2]["route"]


async def counted(stage):
    """How many swaps under way a new order is told of."""
    carrier, route = await routed(stage)
    carrier.drop_plan()
    return route["pendingSwaps"]
