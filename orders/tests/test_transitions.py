from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.db.models.functions import Now

from orders.errors import IllegalTransition, StaleTransition
from orders.models import TRANSITIONS, Attempt, Order, OrderEvent, Status
from orders.services import cancel_order

from .helpers import (
    claim,
    make_order,
    make_order_at,
    move,
    statuses_of,
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
