"""The audit beside the keeper's rounds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from dex.chain import wrong_chain
from dex.halting import lift_halt, standing_halt
from dex.models import AuditRun
from execution.audit.findings import audit_tables
from execution.audit.standing import auditing
from orders.models import Status

from .audited import forget_orders
from .steps import until

OFTEN = {"tables_every_s": 0.02, "wallet_every_s": 0.02}


async def halt_of(stage) -> Any:
    """Wait for the halt."""
    async with asyncio.timeout(20):
        while (halt := await stage.database.run(standing_halt)) is None:
            await asyncio.sleep(0.01)
        return halt


async def runs_again(stage, part: str) -> Any:
    """Wait for two more runs of a part: the second began after this call."""

    def last() -> AuditRun | None:
        return AuditRun.objects.filter(part=part).first()

    run = await stage.database.run(last)
    async with asyncio.timeout(20):
        for _ in range(2):
            seen = run and run.ran_at
            while run is None or run.ran_at == seen:
                await asyncio.sleep(0.01)
                run = await stage.database.run(last)
    return run


async def test_what_ended_long_ago_is_looked_at_again_and_again(stage, make_runner):
    runner = await make_runner()
    order_id = await stage.place()
    await stage.carry_out(order_id)

    async with auditing(runner, **OFTEN):
        # The first round looks far back as well: it must be over.
        assert (await runs_again(stage, "tables")).violations == 0
        ended_at = timezone.now() - timedelta(minutes=10)
        await stage.change(order_id, amount_out=1, closed_at=ended_at)

        assert (await halt_of(stage)).violations[0][:2] == [
            "below_floor",
            str(order_id),
        ]


async def test_a_broken_rule_halts_trading_and_the_next_order_waits(stage, make_runner):
    runner = await make_runner()
    broken = await stage.place()
    await stage.carry_out(broken)
    waiting = await stage.place()  # later the halt would deny it

    async with auditing(runner, **OFTEN):
        assert (await runs_again(stage, "tables")).violations == 0
        await stage.change(broken, amount_out=1)
        halt = await halt_of(stage)
        await runner.take(waiting)
        await until(stage, waiting, lambda order: order.status == Status.BUILDING)
        assert (await runs_again(stage, "tables")).violations == 2

        assert (await stage.order(waiting)).status == Status.BUILDING
        assert await stage.attempts(waiting) == []
        assert halt.violations[0][:2] == ["below_floor", str(broken)]
        assert "manage.py audit" in halt.reason

        await stage.database.run(lambda: lift_halt(by="ann", reason="by hand"))
        await runner.finished()
        assert (await runs_again(stage, "tables")).violations == 0

    assert (await stage.order(waiting)).status == Status.CONFIRMED
    assert await stage.database.run(standing_halt) is None


async def test_another_database_on_the_wallet_halts_trading_while_running(
    stage, make_runner
):
    runner = await make_runner()

    async with auditing(runner, **OFTEN):
        await runs_again(stage, "wallet")
        theirs = await stage.place()
        signature = (await stage.carry_out(theirs)).signature
        await stage.carry_out(await stage.place())
        assert await stage.database.run(standing_halt) is None
        await stage.database.run(forget_orders, theirs)
        halt = await halt_of(stage)

    assert [subject for _, subject, _ in halt.violations] == [signature]


async def test_an_order_that_is_late_is_counted_and_halts_nothing(stage):
    order_id = await stage.place()
    await stage.change(order_id, due_at="2026-01-01T00:00:00Z")

    assert await stage.database.run(audit_tables) == 1

    assert await stage.database.run(standing_halt) is None
    (run,) = await stage.database.run(lambda: list(AuditRun.objects.all()))
    assert (run.part, run.violations) == ("tables", 1)


async def test_the_tables_are_audited_while_the_chain_is_away(
    stage, make_runner, caplog
):
    stage.take_chain_away()
    runner = await make_runner()

    async with auditing(runner, **OFTEN):
        await runs_again(stage, "tables")
        async with asyncio.timeout(20):
            while "the audit of the wallet was put off" not in caplog.text:
                await asyncio.sleep(0.01)

    assert await stage.database.run(AuditRun.objects.filter(part="wallet").count) == 0


async def test_a_failure_that_nobody_foresaw_does_not_end_the_audit(
    stage, make_runner, caplog
):
    runner = await make_runner()
    order_id = await stage.place()

    async with auditing(runner, **OFTEN):
        await runs_again(stage, "tables")
        await stage.database.run(rename_attempts, "orders_attempt", "away")
        async with asyncio.timeout(20):
            while "the audit of the tables failed" not in caplog.text:
                await asyncio.sleep(0.01)
        await stage.database.run(rename_attempts, "away", "orders_attempt")
        await stage.change(order_id, amount_in_filled=10**12)
        await halt_of(stage)


async def test_another_chain_stops_the_keeper(stage, make_runner):
    runner = await make_runner()
    stage.rpc.wrong_chain = wrong_chain("A", "B")

    async with auditing(runner, **OFTEN):
        async with asyncio.timeout(20):
            await asyncio.wait({runner.fatal})

    assert "genesis hash A" in str(runner.fatal.exception())


def rename_attempts(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")
