"""Each cheap rule on rows that were tampered with, and all of them on honest orders."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from execution.audit.rules import (
    JUST_ENDED,
    TABLE_RULES,
    broken_rules,
    current_orders,
    every_order,
)
from orders.claims import claim_order
from orders.models import Attempt, AttemptState, Order, OrderEvent, Status
from orders.moves import AttemptOpening
from orders.services import cancel_order
from orders.tests.helpers import make_address, make_opening, make_order_at

from .audited import change, confirmed_order, submitted_order

DIFFERS = "fill_differs_from_event"


def found() -> list[tuple[str, object]]:
    return [(v.rule, v.subject) for v in broken_rules(every_order())]


def attempt_row(order: Order, opening: AttemptOpening, **columns: object) -> None:
    fields = {name: getattr(opening, name) for name in opening.__slots__}
    Attempt.objects.create(order=order, **(fields | columns))


def last_event(order: Order) -> OrderEvent:
    return order.events.get(sequence=order.last_sequence)


def another_end(order: Order) -> None:
    change(order, status=Status.FAILED, amount_out=None)
    order.attempts.all().delete()


def two_ends(order: Order) -> None:
    events = OrderEvent.objects.filter(order=order)
    events.filter(sequence=5).update(status=Status.SUBMITTED)
    events.filter(sequence=2).update(status=Status.CONFIRMED)


def missing_event(order: Order) -> None:
    last_event(order).delete()
    order.events.filter(sequence=4).update(status=Status.CONFIRMED)


def number_left_out(order: Order) -> None:
    order.events.filter(sequence=5).update(sequence=6)


def jump(order: Order) -> None:
    order.events.filter(sequence=3).update(status=Status.ROUTING)


def begins_in_the_middle(order: Order) -> None:
    order.events.filter(sequence=1).update(status=Status.BUILDING)


def live_attempt_of_an_ended_order(order: Order) -> None:
    order.attempts.update(state=AttemptState.EXPIRED)
    attempt_row(order, make_opening(2))
    order.attempts.filter(number=1).delete()


def lost_attempt(order: Order) -> None:
    order.attempts.all().delete()


def another_signature(order: Order) -> None:
    change(order, signature=make_address())


def landed_beside_its_end(order: Order) -> None:
    failed, _ = make_order_at(Status.FAILED)
    change(failed, min_amount_out=1)
    Attempt.objects.filter(order=order).update(order=failed)
    order.events.all().delete()
    order.delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tamper", "rules"),
    [
        (another_end, ["status_differs"]),
        (two_ends, ["status_differs", *["illegal_step"] * 3, DIFFERS]),
        (missing_event, ["sequence_gap", "illegal_step", DIFFERS]),
        (number_left_out, ["sequence_gap"]),
        (lambda order: change(order, last_sequence=4), ["sequence_gap"]),
        (jump, ["illegal_step"]),
        (begins_in_the_middle, ["illegal_step"]),
        (
            live_attempt_of_an_ended_order,
            ["live_attempt_differs", "confirmed_without_attempt"],
        ),
        (lost_attempt, ["confirmed_without_attempt"]),
        (another_signature, ["confirmed_without_attempt"]),
        (lambda order: change(order, attempt=2), ["confirmed_without_attempt"]),
        (landed_beside_its_end, ["landed_unconfirmed"]),
        (
            lambda order: change(order, min_amount_out=1_991),
            ["below_floor", "signed_below_floor"],
        ),
        (
            lambda order: change(order, amount_out=1_979),
            ["below_floor", DIFFERS],
        ),
        (lambda order: change(order, amount_out=1_991), [DIFFERS]),
        (
            lambda order: change(order, min_amount_out=None),
            ["below_floor", "signed_below_floor"],
        ),
        (
            lambda order: order.attempts.update(min_amount_out=1_979),
            ["signed_below_floor"],
        ),
        (
            lambda order: change(order, amount_in_filled=F("amount_in") + 1),
            ["paid_too_much", DIFFERS],
        ),
        (lambda order: change(order, lease_owner="worker-2"), ["closed_but_held"]),
        (lambda order: change(order, lease_until=Now()), ["closed_but_held"]),
    ],
)
def test_a_confirmed_order_that_was_tampered_with_is_found(
    tamper: Callable[[Order], object], rules: list[str]
):
    untouched = [confirmed_order(), submitted_order()]
    order = confirmed_order()
    assert found() == []

    tamper(order)

    named = found()
    assert [rule for rule, _ in named] == rules
    assert {untouched[0].id, untouched[1].id}.isdisjoint(s for _, s in named)


@pytest.mark.django_db
def test_an_order_under_way_without_its_live_attempt_is_found():
    order = submitted_order()
    order.attempts.update(number=2)

    assert found() == [("live_attempt_differs", order.id)]

    order.attempts.update(number=1, state=AttemptState.EXPIRED)
    assert found() == [("live_attempt_differs", order.id)]


@pytest.mark.django_db
def test_what_nobody_carries_or_decides_is_named_and_halts_nothing():
    untaken, _ = make_order_at(Status.PENDING)
    undecided = submitted_order()
    reviewed = submitted_order()
    assert found() == []

    change(untaken, due_at=Now() - timedelta(seconds=34))
    change(undecided, deadline=Now() - timedelta(minutes=6))
    change(reviewed, deadline=Now() - timedelta(minutes=6), needs_review_at=Now())

    assert set(found()) == {("not_carried", untaken.id), ("not_carried", undecided.id)}
    assert [name for name, rule in TABLE_RULES.items() if not rule.halts] == [
        "not_carried"
    ]


@pytest.mark.django_db
def test_each_rule_is_one_statement():
    confirmed_order()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        found()

    assert len(queries) == len(TABLE_RULES)


@pytest.mark.django_db
def test_what_a_rule_found_says_which_figures_differ():
    order = confirmed_order()
    change(order, amount_out=1_979)

    below, unlike = broken_rules(every_order())

    assert str(below) == (
        f"below_floor: {order.id}: amount_out 1979, min_amount_out 1980"
    )
    assert unlike.detail == (
        "paid 100, event_paid 100, received 0.000001979, "
        "event_received 0.00000199, slot 77, event_slot 77"
    )


@pytest.mark.django_db
def test_the_keeper_looks_at_open_orders_and_at_those_that_ended_lately():
    old, late, still_open = confirmed_order(), confirmed_order(), submitted_order()
    change(old, closed_at=Now() - timedelta(minutes=16))

    assert set(current_orders()) == {late, still_open}


@pytest.mark.django_db
def test_most_rounds_of_the_keeper_look_back_a_minute_alone():
    before, late, still_open = confirmed_order(), confirmed_order(), submitted_order()
    change(before, closed_at=Now() - timedelta(minutes=2))

    assert set(current_orders(JUST_ENDED)) == {late, still_open}


@pytest.mark.django_db
def test_the_keepers_rules_read_no_table_from_end_to_end():
    make_many_old_orders(3_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order, orders_orderevent, orders_attempt")

    for name, rule in TABLE_RULES.items():
        plan = explain(rule.find(current_orders()))
        assert "Seq Scan on orders_" not in plan, f"{name}:\n{plan}"


async def test_orders_of_every_ending_break_no_rule(stage):
    rng = random.Random(4)
    assert (await stage.carry_out(await stage.place())).status == Status.CONFIRMED

    too_much = await stage.place(amount_in=10**17)
    assert (await stage.carry_out(too_much)).status == Status.FAILED

    cancelled = await stage.order(await stage.place())
    await stage.database.run(cancel_order, cancelled)

    late = await stage.place(amount_in=rng.randrange(10**6, 10**8))
    await stage.change(late, deadline=Now())
    assert (await stage.carry_out(late)).status == Status.EXPIRED

    waiting = await stage.place()
    assert await stage.database.run(claim_order, waiting, owner="test-runner")

    assert await stage.database.run(found) == []


def explain(rows: QuerySet[Any, Any]) -> str:
    """Ask for the plan; Django's own explain() breaks on a filtered window."""
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


def make_many_old_orders(count: int) -> None:
    """Copy one confirmed order with its history, long ago."""
    order = confirmed_order()
    with connection.cursor() as cursor:
        for table, fresh in (
            ("orders_order", {"id": "copy", "closed_at": "now() - interval '1 day'"}),
            ("orders_orderevent", {"order_id": "copy"}),
            (
                "orders_attempt",
                {"order_id": "copy", "signature": "left(copy::text, 80)"},
            ),
        ):
            copy_rows(cursor, table, fresh, order, count)


def copy_rows(cursor, table, fresh, order, count):
    key = "id" if table == "orders_order" else "order_id"
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
        [table],
    )
    columns = [name for (name,) in cursor.fetchall()]
    if key == "order_id":
        columns.remove("id")
    values = [fresh.get(name, f"rows.{name}") for name in columns]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {', '.join(values)} FROM {table} rows,"
        " LATERAL (SELECT md5(n::text)::uuid AS copy FROM generate_series(1, %s) n) new"
        f" WHERE rows.{key} = %s",
        [count, order.id],
    )
