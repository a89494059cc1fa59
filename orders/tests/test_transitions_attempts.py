from __future__ import annotations

import pytest
from django.db.models.functions import Now

from orders.errors import IllegalTransition, StaleTransition
from orders.models import TRANSITIONS, Attempt, AttemptState, Order, Status
from orders.moves import AttemptClosing, Move
from orders.transitions import funds_moved, transition

from .helpers import (
    ERRORED,
    EXPIRED,
    LANDED,
    make_opening,
    make_order_at,
    move,
)

pytestmark = pytest.mark.django_db


def test_submitting_saves_the_attempt_with_the_move():
    order, held = make_order_at(Status.BUILDING)
    opening = make_opening(1)

    event = move(held, Status.BUILDING, Status.SUBMITTED, opens=opening)

    attempt = Attempt.objects.get(order=order)
    assert attempt.number == event.attempt == 1
    assert attempt.state == AttemptState.LIVE
    assert attempt.signature == opening.signature
    assert bytes(attempt.raw_transaction) == opening.raw_transaction
    assert attempt.last_valid_block_height == opening.last_valid_block_height
    assert Order.objects.get(id=order.id).live_attempt == 1


@pytest.mark.parametrize(
    "guard",
    [
        {"deadline": Now()},
        {"cancel_requested_at": Now()},
    ],
    ids=["deadline", "cancel"],
)
def test_nothing_is_signed_past_the_deadline_or_a_cancel(guard):
    order, held = make_order_at(Status.BUILDING)
    Order.objects.filter(id=order.id).update(**guard)

    with pytest.raises(StaleTransition):
        move(held, Status.BUILDING, Status.SUBMITTED)

    assert not Attempt.objects.exists()
    assert Order.objects.get(id=order.id).status == Status.BUILDING


def test_a_second_attempt_waits_for_the_end_of_the_first():
    order, held = make_order_at(Status.SUBMITTED)

    # However the caller is mistaken about the status, the live attempt stands in its way.
    for expected in ((Status.BUILDING,), tuple(Status)):
        with pytest.raises((StaleTransition, IllegalTransition)):
            transition(
                Move(
                    order.id,
                    Status.SUBMITTED,
                    expected,
                    held.fence,
                    2,
                    {},
                    opens=make_opening(2),
                )
            )

    assert Attempt.objects.count() == 1


def test_an_attempt_is_opened_by_the_move_to_submitted_and_by_no_other():
    order, held = make_order_at(Status.BUILDING)

    with pytest.raises(IllegalTransition, match="with its attempt"):
        move(held, Status.BUILDING, Status.SUBMITTED, opens=None)
    with pytest.raises(IllegalTransition, match="with its attempt"):
        move(held, Status.BUILDING, Status.ROUTING, opens=make_opening())
    with pytest.raises(IllegalTransition, match="holder"):
        transition(
            Move(
                order.id,
                Status.SUBMITTED,
                (Status.BUILDING,),
                None,
                1,
                {},
                opens=make_opening(),
            )
        )


def test_nothing_leaves_submitted_without_closing_its_attempt():
    _, held = make_order_at(Status.SUBMITTED)

    for to in sorted(TRANSITIONS[Status.SUBMITTED]):
        with pytest.raises(IllegalTransition, match="closes the live attempt"):
            move(held, Status.SUBMITTED, to, closes=None)


@pytest.mark.parametrize(
    ("to", "closing"),
    [
        (Status.CONFIRMED, EXPIRED),
        (Status.CONFIRMED, ERRORED),
        (Status.ROUTING, LANDED),
        (Status.FAILED, LANDED),
        (Status.FAILED, AttemptClosing(AttemptState.LIVE)),
    ],
)
def test_confirmed_means_landed_and_landed_means_confirmed(to, closing):
    _, held = make_order_at(Status.SUBMITTED)

    with pytest.raises(IllegalTransition, match="landed"):
        move(held, Status.SUBMITTED, to, closes=closing)


def test_confirming_closes_the_attempt_with_its_slot_and_fee():
    order, _ = make_order_at(Status.CONFIRMED)

    attempt = Attempt.objects.get(order=order)
    assert (attempt.state, attempt.slot, attempt.fee_lamports) == ("landed", 77, 5_000)
    assert attempt.closed_at is not None
    stored = Order.objects.get(id=order.id)
    assert (stored.amount_out, stored.live_attempt, stored.lease_owner) == (
        1_990,
        0,
        "",
    )
    assert stored.lease_until is None


def test_a_dead_attempt_makes_room_for_the_next():
    order, held = make_order_at(Status.SUBMITTED)

    move(held, Status.SUBMITTED, Status.ROUTING, attempt=2, closes=ERRORED)
    move(held, Status.ROUTING, Status.BUILDING, attempt=2)
    move(held, Status.BUILDING, Status.SUBMITTED, attempt=2)

    first, second = Attempt.objects.filter(order=order)
    assert (first.state, first.error_code) == ("errored", "slippage_exceeded")
    assert (second.number, second.state) == (2, "live")
    assert Order.objects.get(id=order.id).live_attempt == 2


def test_only_the_holder_of_a_claim_closes_an_attempt():
    order, _ = make_order_at(Status.SUBMITTED)

    with pytest.raises(IllegalTransition, match="holder"):
        transition(
            Move(
                order.id,
                Status.FAILED,
                (Status.SUBMITTED,),
                None,
                1,
                {},
                closes=EXPIRED,
            )
        )


@pytest.mark.parametrize(
    ("closing", "moved"), [(EXPIRED, "none"), (ERRORED, "fee_only")]
)
def test_funds_moved_counts_every_attempt_of_the_order(closing, moved):
    order, held = make_order_at(Status.SUBMITTED)
    assert funds_moved(order.id, closing) == moved

    move(held, Status.SUBMITTED, Status.ROUTING, attempt=2, closes=closing)

    assert funds_moved(order.id) == moved
    assert funds_moved(order.id, EXPIRED) == moved
