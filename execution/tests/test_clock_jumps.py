"""The clock of a host jumps by an hour: only the database's and the chain's count."""

from __future__ import annotations

import ast
import asyncio
import datetime as datetimes
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from execution.keeper import keeper_round
from orders import claims
from orders.models import Order, Status

from .steps import HAPPY, statuses, until_step

PACKAGES = ("orders", "execution", "dex/solana")
# The ages that the admin shows. Nothing is decided by them.
DISPLAYED = {"orders/admin/orders.py"}
CLOCKS = {"time.time", "datetime.now", "datetime.utcnow", "timezone.now", "date.today"}
JUMPS = pytest.mark.parametrize("hours", [-1, 1])


@pytest.fixture
def jump(monkeypatch):
    """Have every clock of this host that tells the time of day go by so many hours."""

    def jump(hours):
        now, stamp = timezone.now, time.time

        class AnyDatetime(type):
            def __instancecheck__(cls, value):
                return isinstance(value, datetime)

        class Jumped(datetime, metaclass=AnyDatetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(time.time(), tz)

        monkeypatch.setattr(time, "time", lambda: stamp() + hours * 3600)
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(hours=hours))
        monkeypatch.setattr(datetimes, "datetime", Jumped)

    return jump


def clocks_read_in(path):
    """The clocks of the host that a module reads, by name."""
    tree = ast.parse(path.read_text())
    return {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (name := ".".join(ast.unparse(node.func).split(".")[-2:])) in CLOCKS
    }


def test_no_module_that_decides_reads_the_clock_of_its_host():
    base = Path(settings.BASE_DIR)
    modules = [
        path
        for package in PACKAGES
        for path in (base / package).rglob("*.py")
        if "tests" not in path.parts and "migrations" not in path.parts
    ]

    reading = {str(path.relative_to(base)) for path in modules if clocks_read_in(path)}

    assert len(modules) > 50
    assert reading == DISPLAYED


@JUMPS
async def test_an_order_is_carried_out_as_ever_while_the_clock_jumps(
    stage, jump, hours
):
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.ROUTING)

    jump(hours)
    await stage.engine.carry_out(claim)

    order = await stage.order(order_id)
    assert statuses(await stage.history(order_id)) == HAPPY
    assert order.closed_at - order.created_at < timedelta(seconds=60)


@JUMPS
async def test_a_lease_is_neither_stolen_nor_kept_by_a_clock_that_jumps(
    stage, make_runner, jump, hours
):
    stage.take_chain_away()
    held, left = await stage.place(), await stage.place()
    runner = await make_runner(owner="holder")
    await runner.take(held)
    await runner.claimed()
    await stage.claim(left)
    await stage.change(left, lease_until=Now(), due_at=Now())

    jump(hours)
    await runner.renew()
    keeper = await make_runner(owner="keeper")
    await keeper_round(keeper)

    owners = [(await stage.order(order)).lease_owner for order in (held, left)]
    assert owners == ["holder", "keeper"]
    leases = await stage.database.run(
        lambda: list(Order.objects.values_list(F("lease_until") - Now(), flat=True))
    )
    assert all(timedelta(seconds=5) < left <= claims.LEASE for left in leases)


@JUMPS
async def test_back_off_and_attempts_do_not_follow_the_clock(stage, jump, hours):
    stage.set_localnet(pausedVenues=["raydium", "meteora"])
    order_id = await stage.place()
    claim = await stage.claim(order_id)

    jump(hours)
    await stage.engine.carry_out(claim)

    order = await stage.order(order_id)
    assert (order.status, order.failure_code) == (Status.FAILED, "no_route")
    assert order.attempt == 3


@JUMPS
async def test_expiry_goes_by_the_height_of_the_chain_alone(stage, jump, hours):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)

    jump(hours)
    carrying = asyncio.create_task(stage.engine.carry_out(claim))
    for _ in range(50):  # the proof of expiry makes several rounds meanwhile
        await stage.rpc.call("getEpochInfo", [{"commitment": "finalized"}])
    attempts_before = (await stage.order(order_id)).attempt
    stage.set_localnet(dropRate=0)
    stage.let_blockhash_expire()
    await carrying

    order = await stage.order(order_id)
    assert (attempts_before, order.attempt) == (1, 2)
    assert order.status == Status.CONFIRMED
