"""Each cheap rule on rows that were tampered with, and all of them on honest orders."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from execution.audit.rules import (
    TABLE_RULES,
    broken_rules,
    every_order,
)
from orders.claims import claim_order
from orders.models import Attempt, AttemptState, Order, OrderEvent, Status
from orders.moves import AttemptOpening
from orders.services import cancel_order
from orders.tests.helpers import make_address, make_opening, make_order_at

from .audited import change, confirmed_order, found, submitted_order

DIFFERS = "fill_differs_from_event"


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
