from __future__ import annotations

from datetime import timedelta

import pytest

from orders.errors import (
    CancelConflict,
    RetryRefused,
)
from orders.models import Order, Status
from orders.services import cancel_order, retry_order

from .helpers import (
    ERRORED,
    EXPIRED,
    make_order,
    make_order_at,
    move,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_an_order_with_nothing_signed_is_cancelled(status):
    order, held = make_order_at(status)

    cancelled = cancel_order(order)

    assert cancelled.status == Status.CANCELLED
    assert (cancelled.failure_code, cancelled.funds_moved) == ("cancelled", "none")
    assert cancelled.closed_at is not None
    assert cancelled.fence == held.fence + 1
    event = cancelled.events.get(status=Status.CANCELLED)
    assert event.data == {
        "code": "cancelled",
        "message": "Cancelled before a swap was made.",
        "fundsMoved": "none",
    }


def test_cancelling_twice_changes_nothing():
    order = make_order()
    first = cancel_order(order)

    again = cancel_order(order)

    assert (again.status, again.last_sequence, again.fence) == (
        "cancelled",
        2,
        first.fence,
    )


def test_a_cancel_tells_of_the_attempts_that_were_made_since_the_order_was_read():
    order, held = make_order_at(Status.SUBMITTED)
    move(held, Status.SUBMITTED, Status.ROUTING, attempt=2, closes=ERRORED)

    cancelled = cancel_order(order)

    event = cancelled.events.get(status=Status.CANCELLED)
    assert (event.attempt, event.data["fundsMoved"]) == (2, "fee_only")
    assert (cancelled.attempt, cancelled.funds_moved) == (2, "fee_only")


def test_a_cancel_that_meets_a_live_attempt_forbids_the_next_one():
    order, held = make_order_at(Status.SUBMITTED)

    with pytest.raises(CancelConflict, match="may still land") as refusal:
        cancel_order(order)

    assert refusal.value.status == Status.SUBMITTED
    stored = Order.objects.get(id=order.id)
    assert stored.cancel_requested_at is not None
    # The holder keeps its claim: it has to watch the attempt to its end.
    assert (stored.status, stored.fence) == (Status.SUBMITTED, held.fence)
    move(held, Status.SUBMITTED, Status.CANCELLED, closes=EXPIRED)


def test_the_first_request_to_cancel_keeps_its_time():
    order, _ = make_order_at(Status.SUBMITTED)
    times = []
    for _ in range(2):
        with pytest.raises(CancelConflict):
            cancel_order(order)
        times.append(Order.objects.get(id=order.id).cancel_requested_at)

    assert times[0] == times[1]


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.FAILED, Status.EXPIRED])
def test_a_closed_order_cannot_be_cancelled(status):
    order, _ = make_order_at(status)

    with pytest.raises(CancelConflict, match=f"already {status}") as refusal:
        cancel_order(order)

    assert refusal.value.status == status
    assert Order.objects.get(id=order.id).cancel_requested_at is None


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.CANCELLED])
def test_a_closed_unhappy_order_is_retried_as_a_new_linked_order(status):
    order, _ = make_order_at(
        status, slippage_bps=37, max_price_impact_bps=5, amount_in=2**64 - 1
    )

    placement = retry_order(order)

    new = Order.objects.get(id=placement.order_id)
    assert placement.created
    assert new.retry_of_id == order.id
    assert (new.status, new.owner_id) == (Status.PENDING, order.owner_id)
    assert (new.token_in_id, new.token_out_id) == (
        order.token_in_id,
        order.token_out_id,
    )
    assert (int(new.amount_in), new.slippage_bps) == (2**64 - 1, 37)
    assert new.max_price_impact_bps == 5
    assert new.deadline > order.deadline - timedelta(seconds=1)
    assert Order.objects.get(id=order.id).last_sequence == order.last_sequence


@pytest.mark.parametrize("status", [Status.PENDING, Status.SUBMITTED, Status.CONFIRMED])
def test_an_open_or_confirmed_order_is_not_retried(status):
    order, _ = make_order_at(status)

    with pytest.raises(RetryRefused, match=f"The order is {status}"):
        retry_order(order)

    assert Order.objects.count() == 1


def test_an_order_is_retried_once():
    order, _ = make_order_at(Status.FAILED)
    retry_order(order)

    with pytest.raises(RetryRefused, match="retried before"):
        retry_order(order)

    assert Order.objects.count() == 2
