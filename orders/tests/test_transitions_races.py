from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from orders.claims import claim_order, renew
from orders.errors import OrderError, OrderLocked
from orders.models import Attempt, Order, OrderEvent, Status
from orders.moves import Move
from orders.services import cancel_order
from orders.transitions import transition_all

from .helpers import (
    WORKER,
    claim,
    make_order,
    make_order_at,
    move,
    statuses_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_of_two_racing_claims_exactly_one_wins():
    for _ in range(10):
        order = make_order()

        outcomes = race(
            lambda: claim_order(order.id, owner="worker-1"),  # noqa: B023
            lambda: claim_order(order.id, owner="worker-2"),  # noqa: B023
        )

        assert sum(outcome is not None for outcome in outcomes) == 1
        assert Order.objects.get(id=order.id).fence == 1


@contextlib.contextmanager
def locked_elsewhere(order):
    """Have somebody else hold an order's row for the length of a block."""
    is_locked, go_on = threading.Event(), threading.Event()

    def lock():
        try:
            with transaction.atomic():
                Order.objects.select_for_update().get(id=order.id)
                is_locked.set()
                go_on.wait(10)
        finally:
            connection.close()

    locker = threading.Thread(target=lock)
    locker.start()
    try:
        assert is_locked.wait(10)
        yield
    finally:
        go_on.set()
        locker.join()


def test_a_row_that_somebody_locks_holds_up_the_lease_of_no_other_order():
    locked, other = make_order(), make_order()
    held = [claim(locked), claim(other)]
    Order.objects.update(lease_until=Now())

    with (
        locked_elsewhere(locked),
        pytest.raises(OperationalError, match="lock timeout"),
    ):
        renew(held, owner=WORKER)

    renewed = Order.objects.filter(lease_until__gt=Now() + timedelta(seconds=5))
    assert [order.id for order in renewed] == [other.id]


def test_a_row_that_somebody_locks_is_left_out_of_a_batch_and_its_neighbour_is_moved():
    locked, other = make_order(), make_order()
    moves = [
        Move(held.order_id, Status.ROUTING, (Status.PENDING,), held.fence, 1, data={})
        for held in map(claim, (locked, other))
    ]

    with locked_elsewhere(locked):
        results = transition_all(moves)

    assert [type(result) for result in results] == [OrderLocked, OrderEvent]
    assert statuses_of(locked) == ["pending"]
    assert statuses_of(other) == ["pending", "routing"]
