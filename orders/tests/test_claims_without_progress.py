"""Orders that are claimed again and again without an event: taken alone, then reviewed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orders.claims import (
    REVIEW_AFTER,
    Claim,
    claim_for_watching,
    claim_order,
    mark_for_review,
    release,
)
from orders.models import Order, Status

from .helpers import WORKER, claim, make_order, make_order_at
from .test_claims import KEEPER, change, let_lease_run_out, overdue, suspect

pytestmark = pytest.mark.django_db


def test_an_order_claimed_twice_without_an_event_is_left_to_an_idle_keeper():
    order = make_order()
    for _ in range(2):
        claim(order)
        let_lease_run_out(order)

    assert claim_order(order.id, owner=WORKER) is None
    assert overdue() == []
    assert suspect() == Claim(order.id, fence=3, is_suspect=True)


def test_suspects_are_taken_one_at_a_time():
    for _ in range(3):
        make_order(idle_claims=2, due_at=Now() - timedelta(seconds=1))

    first, second = suspect(), suspect()

    assert first is not None
    assert second is not None
    assert first.order_id != second.order_id


def test_after_20_claims_without_an_event_an_order_needs_review():
    order = make_order(due_at=Now() - timedelta(seconds=1))
    for count in range(REVIEW_AFTER):
        taken = claim_order(order.id, owner=WORKER) or suspect()
        assert taken == Claim(order.id, fence=count + 1, is_suspect=count >= 2)
        let_lease_run_out(order)

    mark_for_review()

    assert suspect() is None
    stored = Order.objects.get(id=order.id)
    assert (stored.idle_claims, stored.fence) == (20, 20)
    assert stored.needs_review_at is not None
    assert claim_order(order.id, owner=WORKER) is None
    assert overdue() == []


def test_a_submitted_order_that_needs_review_is_watched_only_and_not_counted():
    order, _ = make_order_at(Status.SUBMITTED)
    let_lease_run_out(order)
    change(order, needs_review_at=Now(), idle_claims=20)

    (watching,) = (one.claim for one in claim_for_watching(limit=10, owner=KEEPER))

    assert watching == Claim(order.id, fence=2, watch_only=True)
    assert Order.objects.get(id=order.id).idle_claims == 20
    assert claim_for_watching(limit=10, owner="keeper-2") == []
    release([watching], owner=KEEPER)
    assert Order.objects.get(id=order.id).idle_claims == 20


def test_an_order_with_nothing_signed_that_needs_review_is_not_watched():
    order, _ = make_order_at(Status.BUILDING)
    let_lease_run_out(order)
    change(order, needs_review_at=Now())

    assert claim_for_watching(limit=10, owner=KEEPER) == []
