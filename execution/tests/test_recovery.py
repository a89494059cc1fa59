"""What a new holder finds after a crash, and what it makes of it."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from execution.carrier import Carrier
from execution.keeper import keeper_round
from orders.claims import claim_order, claim_suspect
from orders.held import read_held
from orders.models import Attempt, Order, Status
from orders.review import clear_review

from .steps import HAPPY, statuses, until_step

PAST = Now() - timedelta(seconds=1)


async def let_lease_run_out(stage, *order_ids):
    """Leave orders as their holder's death does, some time later."""
    for order_id in order_ids:
        await stage.change(order_id, lease_until=PAST, due_at=PAST)


async def left_at(stage, status):
    """Place an order and carry it to `status`; its holder then dies."""
    order_id = await stage.place()
    if status != Status.PENDING:
        await until_step(stage, await stage.claim(order_id), status)
    await let_lease_run_out(stage, order_id)
    return order_id


async def send(stage, order_id):
    """Send the saved bytes, as the holder may have done before it died."""
    (attempt,) = await stage.attempts(order_id)
    raw = base64.b64encode(bytes(attempt.raw_transaction)).decode()
    options = {"encoding": "base64", "skipPreflight": True}
    await stage.rpc.call("sendTransaction", [raw, options])


async def swaps_of(stage, order_id):
    """The attempts of an order that landed as a swap, by memo in the ledger."""
    return [
        entry["memo"].rpartition(":")[2]
        for entry in await stage.landed()
        if str(order_id) in entry["memo"] and entry["err"] is None
    ]


async def claimed_by_anyone(stage, order_id):
    """Claim an order as a job would, or as a keeper does once it is suspect."""

    def claim():
        if mine := claim_order(order_id, owner="worker"):
            return mine
        suspect = claim_suspect(owner="keeper")
        assert suspect is not None
        return suspect.claim

    return await stage.database.run(claim)


async def keep_until_closed(stage, make_runner, order_ids):
    runner = await make_runner(owner="keeper")
    async with asyncio.timeout(30):
        await keeper_round(runner)
        await runner.finished()
    return [await stage.order(order_id) for order_id in order_ids]


async def test_a_restart_carries_orders_of_every_status_to_one_swap_each(
    stage, make_runner
):
    order_ids = [await left_at(stage, Status(status)) for status in HAPPY[:4]]
    landed = await left_at(stage, Status.SUBMITTED)
    await send(stage, landed)

    orders = await keep_until_closed(stage, make_runner, [*order_ids, landed])

    assert [order.status for order in orders] == [Status.CONFIRMED] * 5
    assert [order.attempt for order in orders] == [1] * 5
    assert [await swaps_of(stage, order.id) for order in orders] == [["1"]] * 5


async def test_a_transaction_that_expired_meanwhile_makes_room_for_one_more(
    stage, make_runner
):
    order_id = await left_at(stage, Status.SUBMITTED)
    stage.let_blockhash_expire()

    (order,) = await keep_until_closed(stage, make_runner, [order_id])

    assert (order.status, order.attempt) == (Status.CONFIRMED, 2)
    assert await swaps_of(stage, order_id) == ["2"]


async def test_a_transaction_that_failed_on_chain_meanwhile_makes_room_for_one_more(
    stage, make_runner
):
    order_id = await left_at(stage, Status.SUBMITTED)
    faults = stage.localnet.network.faults
    faults.add({"kind": "programError"})
    await send(stage, order_id)
    async with asyncio.timeout(10):
        while not await stage.landed():
            await asyncio.sleep(0.005)
    faults.clear()

    (order,) = await keep_until_closed(stage, make_runner, [order_id])

    assert (order.status, order.attempt) == (Status.CONFIRMED, 2)
    assert await swaps_of(stage, order_id) == ["2"]
    assert statuses(await stage.history(order_id)) == [*HAPPY[:4], *HAPPY[1:]]


async def test_two_keepers_at_once_never_carry_one_order_both(stage, make_runner):
    keepers = [await make_runner(owner=name) for name in ("one", "two")]
    order_ids = [await stage.place() for _ in range(30)]
    await let_lease_run_out(stage, *order_ids)

    rounds = [keeper_round(keeper) for keeper in keepers for _ in range(3)]
    await asyncio.gather(*rounds)
    for keeper in keepers:
        await keeper.finished()

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert {(order.status, order.fence) for order in orders} == {(Status.CONFIRMED, 1)}
    assert len(await stage.landed()) == 30


async def test_an_order_that_fails_its_holders_is_set_aside_and_the_others_flow(
    stage, make_runner
):
    """The poison is a saved pool vault that the landed transaction does not name."""
    poison = await left_at(stage, Status.SUBMITTED)
    (attempt,) = await stage.attempts(poison)
    rows = Attempt.objects.filter(id=attempt.id)
    await stage.database.run(lambda: rows.update(vault_in=attempt.pool))
    runner = await make_runner(owner="keeper", alone_s=0)

    healthy = []
    for claims in range(1, 21):
        healthy.append(await stage.place())
        await let_lease_run_out(stage, healthy[-1], poison)
        for _ in range(2):  # a suspect is not taken in the same round as others
            await keeper_round(runner)
            await runner.finished()
        assert (await stage.order(poison)).idle_claims == claims
    await let_lease_run_out(stage, poison)
    await keeper_round(runner)

    order = await stage.order(poison)
    assert (order.waiting_code, order.status) == ("needs_review", Status.SUBMITTED)
    others = [await stage.order(order_id) for order_id in healthy]
    assert {order.status for order in others} == {Status.CONFIRMED}

    # The operator mends what was wrong, and clears the review.
    await runner.finished()
    await stage.database.run(lambda: rows.update(vault_in=attempt.vault_in))
    await stage.database.run(clear_review, order)
    await keeper_round(runner)
    await runner.finished()

    assert (await stage.order(poison)).status == Status.CONFIRMED
    assert await swaps_of(stage, poison) == ["1"]


async def test_an_order_that_kills_its_holder_while_it_is_built_is_set_aside(
    stage, make_runner
):
    order_id = await left_at(stage, Status.BUILDING)
    for died in range(20):
        await let_lease_run_out(stage, order_id)
        claim = await claimed_by_anyone(stage, order_id)
        carrier = Carrier(stage.engine, claim)
        for _ in (Status.ROUTING, Status.BUILDING):
            held = await stage.database.run(read_held, claim)
            await carrier.step(held)
        assert carrier.is_resuming
        order = await stage.order(order_id)
        assert (order.status, order.idle_claims) == (Status.BUILDING, died + 1)
    await let_lease_run_out(stage, order_id)
    runner = await make_runner(owner="keeper")

    await keeper_round(runner)

    assert runner.is_idle
    assert (await stage.order(order_id)).waiting_code == "needs_review"
    await stage.database.run(clear_review, order)
    await keeper_round(runner)
    await runner.finished()
    assert await swaps_of(stage, order_id) == ["1"]
    assert (await stage.order(order_id)).idle_claims == 0


@pytest.mark.parametrize("status", HAPPY[1:3])
async def test_a_holder_that_dies_again_and_again_uses_up_no_attempt(
    stage, make_runner, status
):
    order_id = await left_at(stage, Status(status))
    for _ in range(2):
        await until_step(
            stage,
            await stage.claim(order_id),
            Status.BUILDING if status == Status.ROUTING else Status.ROUTING,
        )
        await let_lease_run_out(stage, order_id)

    (order,) = await keep_until_closed(stage, make_runner, [order_id])

    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert await stage.database.run(Order.objects.count) == 1
