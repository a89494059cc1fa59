from __future__ import annotations

import threading
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.db.models.functions import Now

from orders.claims import claim_order
from orders.errors import IllegalTransition, OrderError, StaleTransition
from orders.models import TRANSITIONS, Attempt, AttemptState, Order, OrderEvent, Status
from orders.services import cancel_order
from orders.transitions import AttemptClosing, Move, funds_moved, transition

from .helpers import (
    ERRORED,
    EXPIRED,
    LANDED,
    claim,
    make_opening,
    make_order,
    make_order_at,
    move,
)

pytestmark = pytest.mark.django_db

ALLOWED = {
    ("pending", "routing"),
    ("pending", "cancelled"),
    ("pending", "expired"),
    ("pending", "failed"),
    ("routing", "routing"),
    ("routing", "building"),
    ("routing", "cancelled"),
    ("routing", "expired"),
    ("routing", "failed"),
    ("building", "routing"),
    ("building", "submitted"),
    ("building", "cancelled"),
    ("building", "expired"),
    ("building", "failed"),
    ("submitted", "confirmed"),
    ("submitted", "routing"),
    ("submitted", "failed"),
    ("submitted", "cancelled"),
    ("submitted", "expired"),
}
PAIRS = sorted(product(Status.values, Status.values))


def statuses_of(order: Order) -> list[str]:
    return list(order.events.values_list("status", flat=True))


def test_the_table_is_the_one_of_the_design():
    assert {
        (str(old), str(new)) for old, targets in TRANSITIONS.items() for new in targets
    } == ALLOWED


@pytest.mark.parametrize(("old", "new"), sorted(ALLOWED))
def test_every_allowed_move_is_written_with_its_event(old, new):
    order, held = make_order_at(Status(old))

    event = move(held, Status(old), Status(new), data={"why": "test"})

    stored = Order.objects.get(id=order.id)
    assert stored.status == new
    assert stored.last_sequence == event.sequence == order.last_sequence + 1
    assert (stored.closed_at is not None) == stored.is_closed
    assert (stored.live_attempt == 1) == (new == "submitted")
    assert list(
        OrderEvent.objects.filter(order=order).values_list("sequence", flat=True)
    ) == list(range(1, event.sequence + 1))
    assert OrderEvent.objects.get(pk=event.pk).data == {"why": "test"}


@pytest.mark.parametrize(
    ("old", "new"), [pair for pair in PAIRS if pair not in ALLOWED]
)
def test_every_other_move_is_refused_and_writes_nothing(old, new):
    order, held = make_order_at(Status(old))

    with pytest.raises(IllegalTransition, match=f"{old} → {new} is not allowed"):
        move(held, Status(old), Status(new))

    assert Order.objects.get(id=order.id).status == old
    assert order.events.count() == order.last_sequence


def test_a_happy_order_shows_exactly_five_steps():
    order, _ = make_order_at(Status.CONFIRMED)

    assert statuses_of(order) == [
        "pending",
        "routing",
        "building",
        "submitted",
        "confirmed",
    ]


def test_a_stale_fence_writes_nothing():
    order = make_order()
    old = claim(order)
    Order.objects.filter(id=order.id).update(lease_until=Now() - timedelta(seconds=1))
    new = claim(order, "worker-2")

    with pytest.raises(StaleTransition):
        move(old, Status.PENDING, Status.ROUTING)

    assert new.fence == old.fence + 1
    assert statuses_of(order) == ["pending"]


def test_a_stale_status_writes_nothing():
    order, held = make_order_at(Status.BUILDING)

    with pytest.raises(StaleTransition):
        move(held, Status.ROUTING, Status.BUILDING)

    assert statuses_of(order) == ["pending", "routing", "building"]


def test_an_unknown_order_is_stale():
    order = make_order()
    held = claim(order)
    order.events.all().delete()
    Order.objects.filter(id=order.id).delete()

    with pytest.raises(StaleTransition):
        move(held, Status.PENDING, Status.ROUTING)


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


def test_an_order_ends_once():
    order, held = make_order_at(Status.CONFIRMED)

    for to in (Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        with pytest.raises(IllegalTransition):
            move(held, Status.CONFIRMED, to)
        with pytest.raises(StaleTransition):
            move(held, Status.ROUTING, to)

    assert statuses_of(order)[-1] == "confirmed"


def test_an_event_starts_the_count_of_idle_claims_anew():
    order = make_order(idle_claims=1)
    held = claim(order)
    assert Order.objects.get(id=order.id).idle_claims == 2

    move(held, Status.PENDING, Status.ROUTING)

    assert Order.objects.get(id=order.id).idle_claims == 0


def test_a_cancel_takes_the_fence_from_the_holder():
    order, held = make_order_at(Status.BUILDING)

    cancel_order(order)

    with pytest.raises(StaleTransition):
        move(held, Status.BUILDING, Status.SUBMITTED)
    assert Order.objects.get(id=order.id).fence == held.fence + 1
    assert statuses_of(order) == ["pending", "routing", "building", "cancelled"]
    assert not Attempt.objects.exists()


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


def race(*contenders) -> list[object]:
    """Run functions in threads that start together; return what each returned or raised."""
    barrier = threading.Barrier(len(contenders))
    outcomes: list[object] = [None] * len(contenders)

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            outcomes[index] = contenders[index]()
        except OrderError as error:
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(contenders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_of_two_racing_moves_exactly_one_wins():
    for _ in range(10):
        order = make_order()
        held = claim(order)

        outcomes = race(*[lambda: move(held, Status.PENDING, Status.ROUTING)] * 2)  # noqa: B023

        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "OrderEvent",
            "StaleTransition",
        ]
        assert statuses_of(order) == ["pending", "routing"]


@pytest.mark.django_db(transaction=True)
def test_a_cancel_and_a_submit_that_race_never_both_win():
    for _ in range(10):
        order, held = make_order_at(Status.BUILDING)

        outcomes = race(
            lambda: move(held, Status.BUILDING, Status.SUBMITTED),  # noqa: B023
            lambda: cancel_order(order),  # noqa: B023
        )

        stored = Order.objects.get(id=order.id)
        losers = [outcome for outcome in outcomes if isinstance(outcome, OrderError)]
        assert len(losers) == 1
        if stored.status == Status.CANCELLED:
            assert not Attempt.objects.filter(order=order).exists()
        else:
            assert stored.status == Status.SUBMITTED
            assert stored.cancel_requested_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_racing_claims_exactly_one_wins():
    for _ in range(10):
        order = make_order()

        outcomes = race(
            lambda: claim_order(order.id, owner="worker-1"),  # noqa: B023
            lambda: claim_order(order.id, owner="worker-2"),  # noqa: B023
        )

        assert sum(outcome is not None for outcome in outcomes) == 1
        assert Order.objects.get(id=order.id).fence == 1
