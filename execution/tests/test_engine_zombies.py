"""A holder that was frozen past its lease, and wakes when others have finished."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from execution.carrier import Carrier
from execution.failures import Failure
from execution.holder import Holder
from orders.claims import claim_orders
from orders.errors import StaleTransition
from orders.held import read_held
from orders.models import AttemptState, Status
from orders.moves import AttemptClosing

from .steps import HAPPY, step_until, until_step


@pytest.mark.parametrize("status", HAPPY[:4])
async def test_a_holder_that_wakes_late_changes_nothing_and_is_silent(
    stage, status, caplog
):
    order_id = await stage.place()
    frozen = Carrier(stage.engine, await stage.claim(order_id))
    await step_until(stage, frozen, status)
    seen = await stage.database.run(read_held, frozen.claim)
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))
    await stage.carry_out(order_id)
    before = await stage.history(order_id), await stage.landed()

    with caplog.at_level(logging.WARNING), contextlib.suppress(StaleTransition):
        await frozen.step(seen)
    await stage.engine.carry_out(frozen.claim)

    assert (await stage.history(order_id), await stage.landed()) == before
    assert len(before[1]) == 1
    # Hints of a Redis that is slow for a moment are none of the holder's words.
    said = [record for record in caplog.records if record.name != "orders.hints"]
    assert said == []


async def test_an_order_that_was_taken_over_right_after_its_claim_is_left_alone(
    stage,
):
    order_id = await stage.place()
    (mine,) = await stage.database.run(claim_orders, [order_id], owner="slow")
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))
    theirs = await stage.claim(order_id)

    await stage.engine.carry_out(mine.claim, held=mine.held)

    order = await stage.order(order_id)
    assert (order.status, order.fence) == (Status.PENDING, theirs.fence)
    assert len(await stage.history(order_id)) == 1


async def test_the_end_of_one_attempt_never_ends_the_next(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)
    seen = await stage.database.run(read_held, claim)
    holder = Holder(claim, stage.engine.batches, rng=stage.engine.rng, backoff_scale=0)
    expired = AttemptClosing(AttemptState.EXPIRED)
    failure = Failure("blockhash_expired", "It did not land.", retryable=True)
    # The first COMMIT went through although its answer was lost, and after the death
    # proof was repeated the same end is written again.
    await holder.fail(seen.order, failure, expired)

    with pytest.raises(StaleTransition):
        await holder.fail(seen.order, failure, expired)

    order = await stage.order(order_id)
    assert (order.status, order.attempt) == (Status.ROUTING, 2)
