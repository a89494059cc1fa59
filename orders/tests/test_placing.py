from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F

from orders.access.guards import current_guards
from orders.errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
)
from orders.models import Order, OrderEvent
from orders.owners import local_owner
from orders.placing import place_order, place_orders
from orders.submissions import OrderRequest, Placement, Submission

from .helpers import (
    make_owner,
    make_token,
)

pytestmark = pytest.mark.django_db


def make_request(**overrides) -> OrderRequest:
    request = OrderRequest(
        order_type="market",
        token_in=make_token("A"),
        token_out=make_token("B"),
        amount_in=100 * 10**9,
        slippage_bps=100,
    )
    return replace(request, **overrides)


def test_a_placed_order_is_stored_with_its_first_event(settings):
    settings.ORDER_TTL_S = 77

    placement = place_order(make_request(), owner=make_owner())

    order = Order.objects.annotate(
        ttl=F("deadline") - F("created_at"), delay=F("due_at") - F("created_at")
    ).get()
    assert placement == Placement(order.id, created=True)
    assert (order.status, order.attempt, order.last_sequence) == ("pending", 0, 1)
    assert (order.amount_in, order.slippage_bps) == (100 * 10**9, 100)
    assert order.ttl == timedelta(seconds=77)
    assert order.delay == timedelta(seconds=5)
    event = OrderEvent.objects.get()
    assert (event.order_id, event.sequence, event.status, event.data) == (
        order.id,
        1,
        "pending",
        {},
    )


def test_u64_amounts_are_stored_to_the_last_unit():
    place_order(make_request(amount_in=2**64 - 1), owner=make_owner())

    assert int(Order.objects.get().amount_in) == 18_446_744_073_709_551_615


def test_the_local_owner_is_one_user_who_cannot_log_in():
    owner = local_owner()

    assert local_owner().pk == owner.pk
    assert owner.get_username() == "local"
    assert not owner.has_usable_password()


def test_the_same_key_and_order_is_answered_with_the_first_order():
    first = place_order(make_request(), owner=make_owner(), idempotency_key="k")

    again = place_order(make_request(), owner=make_owner(), idempotency_key="k")

    assert again == Placement(first.order_id, created=False)
    assert OrderEvent.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"amount_in": 1},
        {"slippage_bps": 99},
        {"max_price_impact_bps": 0},
        {"token_out": "C"},
        {"token_in": "C"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_the_same_key_with_another_order_is_a_conflict(other):
    place_order(make_request(), owner=make_owner(), idempotency_key="k")
    if "C" in other.values():
        other = {name: make_token("C") for name in other}

    with pytest.raises(IdempotencyConflict, match="Use a new key"):
        place_order(make_request(**other), owner=make_owner(), idempotency_key="k")

    assert Order.objects.count() == 1


def test_a_key_belongs_to_its_owner():
    first = place_order(make_request(), owner=make_owner("one"), idempotency_key="k")
    second = place_order(make_request(), owner=make_owner("two"), idempotency_key="k")

    assert first.order_id != second.order_id


def test_orders_without_a_key_are_all_different():
    placements = [place_order(make_request(), owner=make_owner()) for _ in range(3)]

    assert len({placement.order_id for placement in placements}) == 3


def test_an_order_that_breaks_a_rule_is_not_taken_for_a_repetition():
    with pytest.raises(IntegrityError, match="order_amount_in_positive"):
        place_order(make_request(amount_in=0), owner=make_owner(), idempotency_key="k")

    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_at_once_by_many_makes_one_order():
    owner, request = make_owner(), make_request()
    barrier = threading.Barrier(4)
    placements: list[Placement] = []

    def place() -> None:
        barrier.wait(10)
        placements.append(place_order(request, owner=owner, idempotency_key="k"))
        connection.close()

    threads = [threading.Thread(target=place) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(placement.created for placement in placements) == [False] * 3 + [True]
    assert {placement.order_id for placement in placements} == {Order.objects.get().id}


@pytest.mark.django_db(transaction=True)
def test_an_order_is_never_placed_inside_the_transaction_of_a_caller():
    request, owner = make_request(), make_owner()

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        place_order(request, owner=owner)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_stores_nothing():
    request, owner = make_request(), make_owner()
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseUnavailable):
        place_order(request, owner=owner)

    connection.close()
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_orders_whose_commit_went_unanswered_all_are_found_by_one_query(
    monkeypatch,
):
    owner = make_owner()
    commit = connection._commit  # type: ignore[attr-defined]

    def commit_and_lose_the_answer() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    submissions = [Submission(make_request(), owner.pk) for _ in range(3)]
    current_guards()
    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    asked: list[str] = []

    def watch(execute, sql, *arguments):
        asked.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(watch):
        placed = place_orders(submissions)

    assert sum(sql.startswith("SELECT") for sql in asked) == 1
    assert {one.order_id for one in placed if isinstance(one, Placement)} == set(
        Order.objects.values_list("id", flat=True)
    )
    assert [one.created for one in placed if isinstance(one, Placement)] == [True] * 3
