from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from execution.carrier import Carrier
from orders.claims import claim_for_watching, claim_order
from orders.errors import CancelConflict
from orders.models import AttemptState, Order, Status
from orders.services import cancel_order

from .steps import HAPPY, statuses, step_until, until, until_step


async def test_a_dropped_transaction_is_sent_again_with_the_same_bytes(stage):
    stage.set_localnet(dropNext=2)
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert order.status == Status.CONFIRMED
    assert len(await stage.attempts(order_id)) == 1


async def test_an_expired_blockhash_is_proved_and_leads_to_another_signature(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.SUBMITTED)

    stage.let_blockhash_expire()
    await until(stage, order_id, lambda order: order.attempt == 2)
    stage.set_localnet(dropRate=0)
    order = await carrying

    assert order.status == Status.CONFIRMED
    history = await stage.history(order_id)
    assert statuses(history) == [
        *HAPPY[:4],
        "routing",
        "building",
        "submitted",
        "confirmed",
    ]
    assert history[4][2]["error"]["code"] == "blockhash_expired"
    dead, landed = await stage.attempts(order_id)
    assert dead.state == AttemptState.EXPIRED
    assert landed.state == AttemptState.LANDED
    assert dead.signature != landed.signature
    assert dead.min_amount_out == landed.min_amount_out == order.min_amount_out


async def test_three_expired_attempts_fail_the_order_without_moving_funds(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))

    for attempt in (1, 2, 3):
        await until(
            stage,
            order_id,
            lambda order, n=attempt: (order.attempt, order.status) == (n, "submitted"),
        )
        stage.let_blockhash_expire()
    order = await carrying

    assert order.status == Status.FAILED
    assert order.failure_code == "blockhash_expired"
    assert order.funds_moved == "none"
    assert len({attempt.signature for attempt in await stage.attempts(order_id)}) == 3
    assert await stage.landed() == []


async def test_cancelling_a_submitted_order_ends_it_cancelled_once_proved_dead(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.SUBMITTED)

    with pytest.raises(CancelConflict):
        await stage.database.run(cancel_order, await stage.order(order_id))
    stage.let_blockhash_expire()
    order = await carrying

    assert (order.status, order.failure_code) == (Status.CANCELLED, "cancelled")
    assert order.funds_moved == "none"


async def test_a_new_holder_of_a_building_order_says_resumed_and_signs_once(stage):
    order_id = await stage.place()
    first = await stage.claim(order_id)
    await until_step(stage, first, Status.BUILDING)
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))

    order = await stage.carry_out(order_id)

    assert order.status == Status.CONFIRMED
    history = await stage.history(order_id)
    assert statuses(history) == [*HAPPY[:3], "routing", *HAPPY[2:]]
    assert history[3][2] == {"resumed": True}
    assert order.attempt == 1


async def test_a_new_holder_of_a_submitted_order_lands_the_saved_bytes(stage):
    order_id = await stage.place()
    first = await stage.claim(order_id)
    await until_step(stage, first, Status.SUBMITTED)
    (saved,) = await stage.attempts(order_id)
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))

    order = await stage.carry_out(order_id)

    assert (order.status, order.signature) == (Status.CONFIRMED, saved.signature)
    assert [entry["signature"] for entry in await stage.landed()] == [saved.signature]


async def test_a_retry_under_the_same_blockhash_has_another_signature(stage):
    order_id = await stage.place()
    carrier = Carrier(stage.engine, await stage.claim(order_id))
    await step_until(stage, carrier, Status.BUILDING)
    plan = carrier.plan

    signed = [
        (await stage.engine.builder.build(plan, f"{order_id}:{attempt}"))[1]
        for attempt in (1, 2)
    ]

    assert signed[0].blockhash == signed[1].blockhash
    assert signed[0].signature != signed[1].signature


async def test_a_holder_whose_claim_was_taken_writes_nothing_more(stage):
    order_id = await stage.place()
    stale = await stage.claim(order_id)
    await stage.change(order_id, fence=F("fence") + 1)

    await stage.engine.carry_out(stale)

    assert statuses(await stage.history(order_id)) == ["pending"]


async def test_a_claim_to_watch_never_starts_another_attempt(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    await until_step(stage, await stage.claim(order_id), Status.SUBMITTED)
    await stage.change(
        order_id, needs_review_at=Now(), lease_until=Now() - timedelta(seconds=1)
    )
    (watch,) = await stage.database.run(claim_for_watching, limit=5, owner="keeper")
    watching = asyncio.create_task(stage.engine.carry_out(watch.claim))
    stage.let_blockhash_expire()
    await watching

    order = await stage.order(order_id)
    assert (order.status, order.failure_code) == (Status.FAILED, "blockhash_expired")
    assert await stage.database.run(claim_order, order_id, owner="x") is None
    assert isinstance(order, Order)
