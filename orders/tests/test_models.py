"""The rules that the database itself holds, whoever writes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from dex.models import Token
from orders.models import OPEN, TERMINAL, Attempt, Order, OrderEvent, Status

from .helpers import make_opening, make_order, make_order_at, make_owner, make_token

pytestmark = pytest.mark.django_db


def refused(constraint: str):
    return pytest.raises(IntegrityError, match=constraint)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"amount_in": 0}, "order_amount_in_positive"),
        ({"amount_in": -1}, "order_amount_in_positive"),
        ({"min_amount_out": 0}, "order_floor_positive"),
        ({"slippage_bps": 10_001}, "order_slippage_at_most_one"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"max_price_impact_bps": 10_001}, "order_price_impact_at_most_one"),
        ({"max_price_impact_bps": -1}, "max_price_impact_bps"),
        ({"order_type": "limit"}, "order_type_is_known"),
        ({"status": "done"}, "order_(status_is_known|closed_means_terminal)"),
        ({"status": "submitted"}, "order_submitted_means_live_attempt"),
        ({"live_attempt": 1}, "order_submitted_means_live_attempt"),
        ({"status": "confirmed", "closed_at": Now()}, "order_fill_means_confirmed"),
        ({"amount_out": 5}, "order_fill_means_confirmed"),
        ({"status": "failed"}, "order_closed_means_terminal"),
        ({"closed_at": Now()}, "order_closed_means_terminal"),
        ({"owner": None}, "owner_id"),
    ],
)
def test_a_nonsensical_order_is_refused(columns: dict[str, Any], constraint: str):
    order = make_order()

    with refused(constraint):
        Order.objects.filter(id=order.id).update(**columns)


def test_the_two_tokens_of_an_order_differ():
    with refused("order_tokens_differ"):
        make_order(token_in=make_token("A"), token_out=make_token("A"))


def test_a_key_is_used_once_per_owner_but_may_be_absent_many_times():
    make_order()
    make_order()
    make_order(idempotency_key="k", owner=make_owner("one"))
    make_order(idempotency_key="k", owner=make_owner("two"))

    with refused("order_key_once_per_owner"):
        make_order(idempotency_key="k", owner=make_owner("one"))


def test_an_order_is_retried_once():
    first = make_order()
    make_order(retry_of=first)

    with refused("retry_of"):
        make_order(retry_of=first)


def test_a_sequence_number_is_used_once_per_order():
    order = make_order()
    make_order()  # its event 1 is no conflict

    with refused("event_sequence_once_per_order"):
        OrderEvent.objects.create(order=order, sequence=1, status="routing", attempt=0)


@pytest.mark.parametrize("second", TERMINAL)
@pytest.mark.parametrize("first", TERMINAL)
def test_an_order_has_one_terminal_event(first: Status, second: Status):
    order = make_order()
    OrderEvent.objects.create(order=order, sequence=2, status=first, attempt=0)

    with refused("event_one_terminal_per_order"):
        OrderEvent.objects.create(order=order, sequence=3, status=second, attempt=0)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"sequence": 0}, "event_sequence_positive"),
        ({"status": "done"}, "event_status_is_known"),
    ],
)
def test_a_nonsensical_event_is_refused(columns: dict[str, Any], constraint: str):
    values: dict[str, Any] = {"sequence": 2, "status": "routing", "attempt": 0}

    with refused(constraint):
        OrderEvent.objects.create(order=make_order(), **(values | columns))


def make_attempt(order: Order, **columns: Any) -> Attempt:
    opening = make_opening()
    values = {name: getattr(opening, name) for name in opening.__slots__}
    return Attempt.objects.create(order=order, **(values | columns))


@pytest.mark.parametrize("second", ["live", "landed"])
@pytest.mark.parametrize("first", ["live", "landed"])
def test_an_order_has_one_attempt_that_may_swap(first: str, second: str):
    order = make_order()
    make_attempt(order, state="expired")
    make_attempt(order, number=2, state="errored")
    make_attempt(order, number=3, state=first)

    with refused("attempt_one_live_per_order"):
        make_attempt(order, number=4, state=second)


def test_a_signature_is_stored_once_over_all_orders():
    first = make_attempt(make_order())

    with refused("signature"):
        make_attempt(make_order(), signature=first.signature)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"number": 0}, "attempt_number_positive"),
        ({"state": "lost"}, "attempt_state_is_known"),
        ({"min_amount_out": 0}, "attempt_floor_positive"),
    ],
)
def test_a_nonsensical_attempt_is_refused(columns: dict[str, Any], constraint: str):
    with refused(constraint):
        make_attempt(make_order(), **columns)


def test_an_attempt_number_is_used_once_per_order():
    order = make_order()
    make_attempt(order, state="expired")

    with refused("attempt_number_once_per_order"):
        make_attempt(order, state="expired")


def test_a_fill_below_the_floor_can_be_stored_because_it_is_the_truth():
    order, _ = make_order_at(Status.CONFIRMED, min_amount_out=5_000)

    stored = Order.objects.get(id=order.id)
    assert stored.min_amount_out is not None
    assert stored.amount_out is not None
    assert stored.amount_out < stored.min_amount_out


def test_what_an_order_rests_on_is_not_deleted():
    order = make_order()

    for row in (order.token_in, order.owner, order):
        with pytest.raises(ProtectedError), transaction.atomic():
            row.delete()

    assert Token.objects.count() == 2


def test_every_status_is_open_or_terminal():
    assert set(OPEN) | set(TERMINAL) == set(Status)
    assert set(OPEN) & set(TERMINAL) == set()
