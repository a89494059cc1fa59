"""`manage.py audit` over a database and a real localnet."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from dex.halting import lift_halt, standing_halt
from dex.models import Chain
from execution.audit.ledger_rules import FURTHER_RULES, LEDGER_RULES
from execution.audit.rules import TABLE_RULES
from orders.models import Status

from .audited import forget_orders


@pytest.fixture
def configured(stage, settings):
    settings.SOLANA_RPC_URLS = stage.localnet.urls
    return settings


async def audit(stage, *options: str) -> tuple[int, list[str]]:
    """Run the command; return its exit code and its lines."""
    out = io.StringIO()

    def run() -> int:
        try:
            call_command("audit", *options, stdout=out)
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return await stage.database.run(run), out.getvalue().splitlines()


def count_of(lines: list[str], rule: str) -> int:
    return next(int(n) for n, name, *_ in map(str.split, lines) if name == rule)


async def halted(stage) -> Any:
    return await stage.database.run(standing_halt)


async def test_honest_orders_and_their_ledger_break_no_rule(stage, configured):
    first, second = await stage.place(), await stage.place("B", "A", 5_000_000)
    failed = await stage.place(amount_in=10**17)
    for order_id in (first, second, failed):
        await stage.carry_out(order_id)
    stage.localnet.control("localnet_fund", str(stage.wallet.address))
    await stage.rpc.call("requestAirdrop", [str(stage.wallet.address), 1_000])

    code, lines = await audit(stage)

    assert code == 0
    assert lines[0] == "3 orders in the database"
    assert lines[-1] == "Every rule holds."
    for rule in (*TABLE_RULES, *LEDGER_RULES, *FURTHER_RULES):
        assert count_of(lines, rule) == 0
    assert await halted(stage) is None


async def test_a_broken_rule_is_counted_and_halts_trading(stage, configured):
    order_id = await stage.place()
    order = await stage.carry_out(order_id)
    await stage.change(order_id, amount_out=order.amount_out + 1)

    code, lines = await audit(stage)

    assert code == 1
    assert count_of(lines, "fill_differs") == 1
    assert count_of(lines, "fill_differs_from_event") == 1
    assert count_of(lines, "amounts_differ") == 1
    assert any(line.startswith(f"        {order_id}: recorded") for line in lines)
    assert lines[-1].startswith("3 violations of 3 rules. Trading is halted.")
    found = (await halted(stage)).violations
    assert [rule for rule, _, _ in found] == [
        "fill_differs_from_event",
        "fill_differs",
        "amounts_differ",
    ]


async def test_a_report_alone_halts_nothing(stage, configured):
    order_id = await stage.place()
    order = await stage.carry_out(order_id)
    await stage.change(order_id, amount_in=order.amount_in_filled - 1)

    code, lines = await audit(stage, "--no-halt", "--no-ledger")

    assert (code, lines[-1]) == (1, "1 violations of 1 rules.")
    assert not any("landed_twice" in line for line in lines)
    assert await halted(stage) is None


async def test_what_was_accepted_is_listed_and_breaks_nothing_any_more(
    stage, configured
):
    first, second = await stage.place(), await stage.place()
    for order_id in (first, second):
        await stage.carry_out(order_id)
    await stage.change(first, lease_owner="nobody")
    await audit(stage)
    await stage.database.run(lambda: lift_halt(by="ann", reason="by hand"))

    code, lines = await audit(stage)

    assert code == 0
    assert f"        {first} (accepted): status confirmed, " in "\n".join(lines)
    assert lines[-1] == "Every rule holds (1 more were accepted)."

    await stage.change(second, lease_owner="nobody")
    code, _ = await audit(stage)
    assert code == 1
    assert [s for _, s, _ in (await halted(stage)).violations] == [str(second)]


async def test_an_order_that_is_late_is_reported_and_halts_nothing(stage, configured):
    order_id = await stage.place()
    await stage.change(order_id, due_at="2026-01-01T00:00:00Z")

    code, lines = await audit(stage)

    assert (code, count_of(lines, "not_carried")) == (1, 1)
    assert await halted(stage) is None


async def test_a_swap_of_another_database_is_found_on_the_ledger(stage, configured):
    ours, theirs = await stage.place(), await stage.place()
    for order_id in (ours, theirs):
        await stage.carry_out(order_id)
    signature = (await stage.order(theirs)).signature
    await stage.database.run(forget_orders, theirs)

    code, lines = await audit(stage)

    assert code == 1
    assert count_of(lines, "landed_without_attempt") == 1
    assert any(signature in line for line in lines)


async def test_what_landed_before_the_database_met_its_chain_is_not_judged(
    stage, configured
):
    await stage.carry_out(await stage.place())
    (entry,) = await stage.landed()

    def begin_anew() -> None:
        Chain.objects.update(
            baseline_signature=entry["signature"], baseline_slot=entry["slot"]
        )
        forget_orders()

    await stage.database.run(begin_anew)
    await stage.carry_out(await stage.place())

    code, lines = await audit(stage)

    assert (code, lines[1].split()[0]) == (0, "1")


async def test_orders_under_way_break_no_rule(stage, configured, make_runner):
    runner = await make_runner()
    order_ids = []
    for _ in range(4):
        placed = [await stage.place() for _ in range(10)]
        order_ids += placed
        for order_id in placed:
            await runner.take(order_id)

        code, lines = await audit(stage)

        assert code == 0, "\n".join(lines)
    await runner.finished()
    ends = {(await stage.order(order_id)).status for order_id in order_ids}
    assert ends == {Status.CONFIRMED}


async def test_what_one_node_lost_of_its_history_another_is_asked_for(
    stage, configured
):
    await stage.carry_out(await stage.place())
    stage.localnet.control("localnet_fault", {"kind": "hide", "node": 0})

    code, lines = await audit(stage)

    assert (code, lines[1].split()[0]) == (0, "1")


async def refusal(stage) -> CommandError:
    with pytest.raises(CommandError) as caught:
        await stage.database.run(call_command, "audit")
    assert caught.value.returncode == 2
    return caught.value


async def test_a_chain_that_is_away_is_no_good_news(stage, configured):
    await stage.carry_out(await stage.place())
    configured.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]

    assert "No RPC endpoint answered" in str(await refusal(stage))


async def test_another_chain_is_refused(stage, configured):
    await stage.database.run(lambda: Chain.objects.update(genesis_hash="Other"))

    assert "genesis hash Other" in str(await refusal(stage))


async def test_a_database_that_met_no_chain_is_refused(stage, configured):
    await stage.database.run(lambda: Chain.objects.all().delete())

    assert "manage.py prepare" in str(await refusal(stage))


@pytest.mark.parametrize(
    ("command", "options", "code"),
    [("audit", {}, 2), ("resume_trading", {"reason": "fine"}, 1)],
)
async def test_a_database_that_is_away_is_no_good_news(
    stage, configured, command, options, code
):
    def away() -> CommandError:
        connection.close()
        host = connection.settings_dict["HOST"]
        connection.settings_dict["HOST"] = "/no/such/folder"
        try:
            with pytest.raises(CommandError) as caught:
                call_command(command, **options)
        finally:
            connection.settings_dict["HOST"] = host
        return caught.value

    error = await stage.database.run(away)

    assert error.returncode == code
    assert str(error).startswith(
        "The database does not answer. Start it with `make run`"
    )
    assert "\n" not in str(error)
