from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from dex.chain import halt_trading
from dex.models import Pool
from execution.carrier import Carrier
from execution.storage import read_held
from orders.claims import claim_for_watching, claim_order
from orders.errors import CancelConflict
from orders.models import AttemptState, Order, Status
from orders.services import cancel_order

HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]


def statuses(history):
    return [status.value for status, _, _ in history]


async def test_an_order_goes_from_pending_to_confirmed_in_five_events(stage):
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    history = await stage.history(order_id)
    assert statuses(history) == HAPPY
    assert [attempt for _, attempt, _ in history] == [0, 1, 1, 1, 1]
    routing, building, submitted, confirmed = [data for _, _, data in history[1:]]
    assert routing == {"venues": ["meteora", "raydium"]}
    assert {quote["venue"] for quote in building["quotes"]} == {"meteora", "raydium"}
    assert building["route"] == {
        key: value for key, value in building["quotes"][0].items() if key != "lost"
    }
    assert building["quotes"][1]["lost"]["code"] == "lower_output"
    assert confirmed["signature"] == submitted["signature"] == order.signature
    # Nobody else trades here: what was quoted is what was paid, to the base unit.
    assert confirmed["amountOut"] == building["route"]["amountOut"]
    assert confirmed["slippageBps"] == 0
    assert order.amount_out >= order.min_amount_out
    assert order.amount_in_filled == order.amount_in


async def test_the_landed_transaction_names_its_order_and_attempt(stage):
    order_id = await stage.place()

    await stage.carry_out(order_id)

    memo = f"{order_id}:1"
    assert [entry["memo"] for entry in await stage.landed()] == [
        f"[{len(memo)}] {memo}"
    ]


async def test_two_equal_orders_at_once_land_as_two_swaps(stage):
    first, second = await stage.place(), await stage.place()

    await asyncio.gather(stage.carry_out(first), stage.carry_out(second))

    signatures = {(await stage.order(order)).signature for order in (first, second)}
    assert len(signatures) == 2
    assert {entry["signature"] for entry in await stage.landed()} == signatures


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


async def until(stage, order_id, condition):
    """Wait for a state of the row; the engine works in the background meanwhile."""
    async with asyncio.timeout(20):
        while not condition(await stage.order(order_id)):
            await asyncio.sleep(0.005)


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
    await stage.database.run(halt_trading, "a stranger signed")
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.BUILDING)

    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))
    order = await carrying

    assert order.status == Status.EXPIRED
    assert "a stranger signed" in order.failure_message
    assert await stage.attempts(order_id) == []


async def test_an_order_waits_for_the_chain_without_using_up_attempts(stage):
    stage.take_chain_away()
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.ROUTING)

    stage.bring_chain_back()
    order = await carrying

    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)


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


async def until_step(stage, claim, status):
    """Carry an order step by step until it has `status`, as a holder that then dies."""
    await step_until(stage, Carrier(stage.engine, claim), status)


async def step_until(stage, carrier, status):
    claim = carrier.claim
    while (held := await stage.database.run(read_held, claim)) is not None:
        if held.order.status == status:
            return
        await carrier.step(held)


async def test_a_new_holder_of_a_submitted_order_lands_the_saved_bytes(stage):
    order_id = await stage.place()
    first = await stage.claim(order_id)
    await until_step(stage, first, Status.SUBMITTED)
    (saved,) = await stage.attempts(order_id)
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))

    order = await stage.carry_out(order_id)

    assert (order.status, order.signature) == (Status.CONFIRMED, saved.signature)
    assert [entry["signature"] for entry in await stage.landed()] == [saved.signature]


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
    watching = asyncio.create_task(stage.engine.carry_out(watch))
    stage.let_blockhash_expire()
    await watching

    order = await stage.order(order_id)
    assert (order.status, order.failure_code) == (Status.FAILED, "blockhash_expired")
    assert await stage.database.run(claim_order, order_id, owner="x") is None
    assert isinstance(order, Order)
