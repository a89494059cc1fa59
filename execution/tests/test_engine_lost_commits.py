"""The answer to a COMMIT is lost, at each step of an order; the swap is made once."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from execution.engine import Engine
from execution.storage import Database
from orders.models import AttemptState, Status
from orders.tests.faults import breaking_road

from .conftest import FAST
from .steps import HAPPY, statuses, until

DELIVERED = pytest.mark.parametrize(
    "deliver", [True, False], ids=["committed", "not committed"]
)


@contextlib.asynccontextmanager
async def engine_over_a_road(stage, *, deliver: bool, at: int):
    """An engine whose database connections break at COMMIT number `at`."""
    road = breaking_road(deliver=deliver, open_again=True, at=at)
    opened = await asyncio.to_thread(road.__enter__)
    database = Database()
    engine = Engine(
        cluster=stage.cluster,
        wallet=stage.wallet,
        venues=stage.engine.venues,
        database=database,
        unit_price=0,
        intervals=FAST,
        rng=random.Random(1),
    )
    engine.may_sign.set()
    try:
        yield engine
    finally:
        await database.close()
        await asyncio.to_thread(road.__exit__, None, None, None)
    assert opened.broken


@DELIVERED
@pytest.mark.parametrize("status", HAPPY[1:])
async def test_a_lost_answer_to_commit_changes_nothing(stage, status, deliver):
    order_id = await stage.place()
    claim = await stage.claim(order_id)

    at = HAPPY.index(status)
    async with engine_over_a_road(stage, deliver=deliver, at=at) as engine:
        await engine.carry_out(claim)

    # The plan lives in memory: whoever does not know that it was taken makes another.
    anew = (status, deliver) == ("building", True)
    expected = [*HAPPY[:3], "routing", *HAPPY[2:]] if anew else HAPPY
    assert statuses(await stage.history(order_id)) == expected
    (attempt,) = await stage.attempts(order_id)
    assert [entry["signature"] for entry in await stage.landed()] == [attempt.signature]


@DELIVERED
async def test_a_lost_answer_when_a_dead_attempt_is_closed_leads_to_the_next(
    stage, deliver
):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    claim = await stage.claim(order_id)

    async with engine_over_a_road(stage, deliver=deliver, at=4) as engine:
        carrying = asyncio.create_task(engine.carry_out(claim))
        await until(stage, order_id, lambda order: order.status == Status.SUBMITTED)
        stage.let_blockhash_expire()
        await until(stage, order_id, lambda order: order.attempt == 2)
        stage.set_localnet(dropRate=0)
        await carrying

    dead, landed = await stage.attempts(order_id)
    assert (dead.state, landed.state) == (AttemptState.EXPIRED, AttemptState.LANDED)
    assert len(await stage.landed()) == 1
