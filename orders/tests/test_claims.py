from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from orders.claims import (
    Claim,
    Claimed,
    claim_for_watching,
    claim_order,
    claim_orders,
    claim_overdue,
    claim_suspect,
    release,
    renew,
)
from orders.models import Order, Status

from .helpers import WORKER, claim, make_order, make_order_at, move

pytestmark = pytest.mark.django_db

KEEPER = "keeper-1"


def change(order: Order, **columns: Any) -> None:
    Order.objects.filter(id=order.id).update(**columns)


def let_lease_run_out(order: Order) -> None:
    """Move the row back in time: what the clock would do in 10 s."""
    change(
        order,
        lease_until=Now() - timedelta(seconds=1),
        due_at=Now() - timedelta(seconds=1),
    )


def seconds_left(order: Order, column: str = "lease_until"):
    left = Order.objects.annotate(left=F(column) - Now()).values_list("left", flat=True)
    return left.get(id=order.id).total_seconds()


def ids(claimed: list[Claimed]) -> set[object]:
    return {one.claim.order_id for one in claimed}


def overdue(limit: int = 10) -> list[Claim]:
    return [one.claim for one in claim_overdue(limit=limit, owner=KEEPER)]


def suspect() -> Claim | None:
    claimed = claim_suspect(owner=KEEPER)
    return claimed.claim if claimed else None


def test_a_claim_takes_the_lease_for_10_s_and_raises_the_fence():
    order = make_order()

    held = claim_order(order.id, owner=WORKER)

    assert held == Claim(order.id, fence=1)
    stored = Order.objects.get(id=order.id)
    assert (stored.fence, stored.lease_owner, stored.idle_claims) == (1, WORKER, 1)
    assert 9 < seconds_left(order) <= 10
    assert 9 < seconds_left(order, "due_at") <= 10


def test_a_claim_brings_the_order_as_it_stands_with_it(django_assert_num_queries):
    orders = [make_order(), make_order(deadline=Now(), idle_claims=1)]

    with django_assert_num_queries(1):
        claimed = claim_orders([order.id for order in orders], owner=WORKER)

    assert {one.claim.order_id: one.held.is_past_deadline for one in claimed} == {
        orders[0].id: False,
        orders[1].id: True,
    }
    for one in claimed:
        stored = Order.objects.get(id=one.claim.order_id)
        for field in Order._meta.concrete_fields:
            name = field.attname
            assert getattr(one.held.order, name) == getattr(stored, name), name
        with django_assert_num_queries(0):
            assert one.held.order.token_in.symbol == "A"
            assert one.held.order.token_out.symbol == "B"


def test_a_job_may_claim_before_the_order_is_due():
    order = make_order()
    assert seconds_left(order, "due_at") > 0

    assert overdue() == []
    assert claim_order(order.id, owner=WORKER) is not None


def test_a_held_order_is_claimed_by_nobody_else():
    order = make_order()
    claim(order)
    change(order, due_at=Now() - timedelta(seconds=1))

    assert claim_order(order.id, owner="worker-2") is None
    assert overdue() == []


def test_an_order_whose_lease_ran_out_is_claimed_with_a_higher_fence():
    order = make_order()
    first = claim(order)
    let_lease_run_out(order)

    assert overdue() == [Claim(order.id, first.fence + 1)]


@pytest.mark.parametrize(
    "status", [Status.CONFIRMED, Status.FAILED, Status.CANCELLED, Status.EXPIRED]
)
def test_a_closed_order_is_claimed_by_nobody(status):
    order, _ = make_order_at(status)
    change(order, due_at=Now() - timedelta(seconds=1))

    assert claim_order(order.id, owner=WORKER) is None
    assert overdue() == []
    assert suspect() is None
    assert claim_for_watching(limit=10, owner=KEEPER) == []


def test_the_keeper_takes_the_longest_overdue_first_and_no_more_than_it_may():
    orders = [make_order(due_at=Now() - timedelta(seconds=s)) for s in (1, 3, 2)]

    claims = claim_overdue(limit=2, owner=KEEPER)

    assert ids(claims) == {orders[1].id, orders[2].id}


def test_renewing_extends_the_lease_of_what_is_still_held():
    mine, lost, cancelled = make_order(), make_order(), make_order()
    claims = [claim(mine), claim(lost), claim(cancelled)]
    for order in (mine, lost):
        let_lease_run_out(order)
    claim(lost, "worker-2")
    move(claims[2], Status.PENDING, Status.CANCELLED)

    assert renew(claims, owner=WORKER) == {mine.id}

    assert 9 < seconds_left(mine) <= 10
    assert Order.objects.get(id=mine.id).fence == claims[0].fence
    assert Order.objects.get(id=lost.id).lease_owner == "worker-2"


def test_renewing_takes_the_same_queries_for_any_number(django_assert_num_queries):
    claims = [claim(make_order()) for _ in range(5)]

    with django_assert_num_queries(2 + 2):  # the transaction is a savepoint here
        assert len(renew(claims, owner=WORKER)) == 5


def test_renewing_does_not_count_as_a_claim():
    order = make_order()
    held = claim(order)

    renew([held], owner=WORKER)

    assert Order.objects.get(id=order.id).idle_claims == 1


def test_an_old_claim_of_the_same_owner_is_not_renewed():
    order = make_order()
    old = claim(order)
    let_lease_run_out(order)
    new = claim(order)

    assert renew([old], owner=WORKER) == set()
    assert renew([new], owner=WORKER) == {order.id}


def test_a_release_frees_the_order_at_once_and_does_not_count():
    order = make_order()
    held = claim(order)

    release([held], owner=WORKER)

    stored = Order.objects.get(id=order.id)
    assert (stored.lease_until, stored.lease_owner, stored.idle_claims) == (None, "", 0)
    assert overdue(1) == [Claim(order.id, held.fence + 1)]


def test_a_release_after_an_event_counts_nothing_below_zero():
    order, held = make_order_at(Status.ROUTING)

    release([held], owner=WORKER)

    assert Order.objects.get(id=order.id).idle_claims == 0


def test_a_release_gives_back_nothing_that_another_holds():
    order = make_order()
    old = claim(order)
    let_lease_run_out(order)
    claim(order, "worker-2")

    release([old], owner=WORKER)

    assert Order.objects.get(id=order.id).lease_owner == "worker-2"
