from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from solders.pubkey import Pubkey

from dex.halting import halt_trading
from dex.models import Pool
from orders.models import AttemptState, Status

from .steps import HAPPY, empty, statuses, until, until_step


@pytest.mark.parametrize(
    ("paused", "taken"), [("meteora", "raydium"), ("raydium", "meteora")]
)
async def test_a_paused_venue_loses_with_its_reason_on_record(stage, paused, taken):
    stage.set_localnet(pausedVenues=[paused])
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert (order.status, order.venue) == (Status.CONFIRMED, taken)
    building = (await stage.history(order_id))[2][2]
    lost = [quote for quote in building["quotes"] if quote["venue"] == paused]
    assert [quote["lost"]["code"] for quote in lost] == ["pool_disabled"]


async def test_both_venues_paused_fails_after_three_attempts_with_no_route(stage):
    stage.set_localnet(pausedVenues=["raydium", "meteora"])
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert (order.status, order.failure_code) == (Status.FAILED, "no_route")
    assert (order.attempt, order.funds_moved) == (3, "none")
    history = await stage.history(order_id)
    assert statuses(history) == ["pending", "routing", "routing", "routing", "failed"]
    assert history[-1][2]["fundsMoved"] == "none"
    assert history[2][2]["error"]["code"] == "no_route"


async def test_pools_without_liquidity_refuse_with_their_reason_on_record(stage):
    quoted = await stage.carry_out(await stage.place())
    building = (await stage.history(quoted.id))[2][2]
    venues = {
        quote["pool"]: stage.engine.venues[quote["venue"]]
        for quote in building["quotes"]
    }
    for pool, venue in venues.items():
        await empty(stage, venue, Pubkey.from_string(pool))
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert (order.status, order.failure_code) == (Status.FAILED, "no_route")
    assert (order.attempt, order.funds_moved) == (3, "none")
    error = (await stage.history(order_id))[2][2]["error"]
    assert "raydium" in error["message"]
    assert "meteora" in error["message"]


async def test_nodes_too_slow_to_quote_make_an_order_wait_until_its_deadline(stage):
    stage.take_chain_away()
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.ROUTING)

    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))
    order = await carrying

    assert (order.status, order.failure_code) == (Status.EXPIRED, "deadline_passed")
    assert (order.attempt, order.funds_moved) == (1, "none")
    assert statuses(await stage.history(order_id)) == ["pending", "routing", "expired"]


async def test_a_pair_without_a_pool_fails_at_once(stage):
    await stage.database.run(Pool.objects.update, enabled=False)
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert (order.status, order.failure_code) == (Status.FAILED, "no_route")
    assert order.attempt == 1


async def test_more_than_the_wallet_holds_fails_before_anything_is_signed(stage):
    order_id = await stage.place("A", "B", amount_in=10**19)

    order = await stage.carry_out(order_id)

    assert order.status == Status.FAILED
    assert await stage.attempts(order_id) == []


async def test_a_quote_below_the_floor_ends_the_order(stage):
    order_id = await stage.place()
    await stage.change(order_id, min_amount_out=10**18)

    order = await stage.carry_out(order_id)

    assert (order.status, order.failure_code) == (Status.FAILED, "slippage_exceeded")
    assert order.min_amount_out == 10**18
    assert await stage.attempts(order_id) == []


async def test_nothing_is_signed_after_the_deadline(stage):
    order_id = await stage.place()
    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))

    order = await stage.carry_out(order_id)

    assert (order.status, order.failure_code) == (Status.EXPIRED, "deadline_passed")
    assert await stage.attempts(order_id) == []
    assert await stage.landed() == []


async def test_a_halted_signer_lets_the_order_wait_until_its_deadline(stage):
    order_id = await stage.place()
    await stage.database.run(halt_trading, "a stranger signed")
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.BUILDING)

    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))
    order = await carrying

    assert order.status == Status.EXPIRED
    assert "Trading is halted until an operator lifts it" in order.failure_message
    assert await stage.attempts(order_id) == []


async def test_an_order_waits_for_the_chain_without_using_up_attempts(stage):
    stage.take_chain_away()
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.ROUTING)

    stage.bring_chain_back()
    order = await carrying

    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)


async def test_a_swap_that_lands_with_an_error_costs_the_fee_only(stage):
    stage.set_localnet(pausedVenues=["meteora"])
    strict = await stage.place(slippage_bps=0)
    claim = await stage.claim(strict)
    await until_step(stage, claim, Status.SUBMITTED)
    # Somebody else's swap lands first, and the pool pays less than the floor now.
    await stage.carry_out(await stage.place(amount_in=10**12, slippage_bps=5_000))

    await stage.engine.carry_out(claim)

    order = await stage.order(strict)
    assert (order.status, order.failure_code) == (Status.FAILED, "slippage_exceeded")
    assert order.funds_moved == "fee_only"
    history = await stage.history(strict)
    assert statuses(history) == [*HAPPY[:4], "routing", "failed"]
    assert history[4][2]["error"]["code"] == "slippage_exceeded"
    assert history[5][2]["fundsMoved"] == "fee_only"
    (attempt,) = await stage.attempts(strict)
    assert attempt.state == AttemptState.ERRORED
    assert attempt.error_code == "slippage_exceeded"
    assert (attempt.program, attempt.program_error) == ("raydium", "ExceededSlippage")
    assert attempt.fee_lamports == 5_000
