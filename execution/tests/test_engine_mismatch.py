"""A venue that quotes otherwise than the chain would pay, and pools that move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dex.models import Pool
from execution.carrier import Carrier
from execution.engine import Engine
from orders.models import Status

from .conftest import FAST
from .steps import HAPPY, statuses, step_until


class Boaster:
    """A venue whose quotes promise one base unit more than its pools pay."""

    def __init__(self, venue):
        self._venue = venue

    def __getattr__(self, name):
        return getattr(self._venue, name)

    def quote(self, *question):
        quote = self._venue.quote(*question)
        return replace(
            quote,
            amount_out=quote.amount_out * 2,
            vault_out_delta=quote.vault_out_delta + 1,
        )


@pytest.fixture
def boast(stage):
    """Return an engine in which some venues boast, so that their quotes win."""

    def make(*names):
        venues = {
            name: Boaster(venue) if name in names else venue
            for name, venue in stage.engine.venues.items()
        }
        engine = Engine(
            cluster=stage.cluster,
            wallet=stage.wallet,
            venues=venues,
            database=stage.database,
            unit_price=0,
            intervals=FAST,
        )
        engine.may_sign.set()
        return engine

    return make


async def test_a_venue_that_is_refuted_is_not_used_again_for_this_order(stage, boast):
    engine = boast("meteora")
    order_id = await stage.place(slippage_bps=9_000)

    await engine.carry_out(await stage.claim(order_id))

    order = await stage.order(order_id)
    history = await stage.history(order_id)
    assert (order.status, order.venue) == (Status.CONFIRMED, "raydium")
    assert statuses(history) == [*HAPPY[:3], *HAPPY[1:]]
    assert history[3][2]["error"]["code"] == "quote_mismatch"
    lost = {q["venue"]: q["lost"] for q in history[4][2]["quotes"] if "lost" in q}
    assert lost["meteora"]["code"] == "quote_mismatch"
    assert len(await stage.landed()) == 1


async def test_when_every_venue_is_refuted_the_order_says_so(stage, boast):
    engine = boast("meteora", "raydium")
    order_id = await stage.place(slippage_bps=9_000)

    await engine.carry_out(await stage.claim(order_id))

    order = await stage.order(order_id)
    assert (order.status, order.failure_code) == (Status.FAILED, "quote_mismatch")
    assert order.funds_moved == "none"
    assert "allow-list" not in order.failure_message
    assert await stage.attempts(order_id) == []


async def test_a_pool_that_moved_is_quoted_again_within_the_attempt(stage):
    order_id = await stage.place(slippage_bps=9_000)
    carrier = Carrier(stage.engine, await stage.claim(order_id))
    await step_until(stage, carrier, Status.BUILDING)
    assert carrier.plan is not None
    stale = carrier.plan.quote
    await stage.database.run(
        Pool.objects.exclude(venue=stale.venue).update, enabled=False
    )
    await stage.carry_out(await stage.place(amount_in=10**12, slippage_bps=9_000))

    await step_until(stage, carrier, Status.SUBMITTED)
    await stage.engine.carry_out(carrier.claim)

    (attempt,) = await stage.attempts(order_id)
    assert attempt.quoted_amount_out < stale.amount_out
    order = await stage.order(order_id)
    assert order.amount_out == attempt.quoted_amount_out
    assert statuses(await stage.history(order_id)) == HAPPY
