"""The most open orders of an owner, however many ask at the same moment."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction

from orders.insertion import insert_orders
from orders.intake import Intake
from orders.models import Order

from .helpers import make_order, make_owner
from .test_insertion import columns_of_a_request

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = 10_000  # a limit far above what these tests store


def requests(count: int, **overrides) -> list[dict[str, object]]:
    columns = columns_of_a_request(**overrides)
    return [columns | {"id": uuid4()} for _ in range(count)]


def store_at_once(orders: list[dict[str, object]]) -> list[bool]:
    """Store each in a transaction of its own, all begun before the first has ended."""
    barrier = threading.Barrier(len(orders))

    def store(columns) -> bool:
        barrier.wait(10)
        try:
            with transaction.atomic():
                return bool(insert_orders([columns]).events)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(orders)) as threads:
        return list(threads.map(store, orders))


def test_of_50_that_ask_at_once_exactly_10_get_a_limit_of_10():
    stored = store_at_once(requests(50, most_open=10))

    assert sum(stored) == 10 == Order.objects.count()


def test_each_owner_has_room_of_its_own_when_50_ask_at_once():
    owners = [make_owner(name).id for name in ("one", "two")]
    orders = [
        columns
        for owner_id in owners
        for columns in requests(25, owner_id=owner_id, most_open=10)
    ]

    store_at_once(orders)

    counts = [Order.objects.filter(owner_id=owner_id).count() for owner_id in owners]
    assert counts == [10, 10]


def test_one_batch_fills_what_room_there_is_and_names_who_had_none():
    make_order()
    orders = requests(4, most_open=3)

    inserted = insert_orders(orders)

    assert [event.order_id for event in inserted.events] == [
        o["id"] for o in orders[:2]
    ]
    assert inserted.full == {order["id"]: 3 for order in orders[2:]}


@pytest.mark.parametrize("unique", ["idempotency_key", "client_order_id"])
def test_an_order_that_is_there_already_takes_no_room_from_the_others_of_its_batch(
    unique,
):
    (first,) = requests(1, most_open=2)
    insert_orders([first | {unique: "a"}])
    again, new, too_many = (
        columns | {unique: key}
        for columns, key in zip(requests(3, most_open=2), "abc", strict=True)
    )

    inserted = insert_orders([again, new, too_many])

    assert [event.order_id for event in inserted.events] == [new["id"]]
    assert inserted.full == {too_many["id"]: 2}


def test_closed_orders_take_no_room():
    for _ in range(3):
        make_order(status="cancelled", closed_at="2026-11-29T12:00:00Z")

    assert Intake().store_all(requests(1, most_open=1)) == [True]


def test_far_from_the_limit_nobody_waits_for_an_owners_other_transaction():
    held, other = requests(2, most_open=QUICK)
    with transaction.atomic():
        insert_orders([held])
        with ThreadPoolExecutor(1) as thread:
            stored = thread.submit(_store_within, 1_000, other).result()

    assert stored == 1
    assert Order.objects.count() == 2


def test_close_to_the_limit_the_count_waits_until_the_owners_other_orders_are_known():
    held, other = requests(2, most_open=2)
    with transaction.atomic():
        insert_orders([held])
        with ThreadPoolExecutor(1) as thread, pytest.raises(OperationalError):
            thread.submit(_store_within, 50, other).result()

    assert Order.objects.count() == 1


def test_who_counts_exactly_waits_for_those_that_did_not():
    (held,) = requests(1, most_open=QUICK)
    (other,) = requests(1, most_open=2)
    with transaction.atomic():
        insert_orders([held])
        with ThreadPoolExecutor(1) as thread, pytest.raises(OperationalError):
            thread.submit(_store_within, 50, other).result()

    assert Order.objects.count() == 1


def test_many_batches_of_the_same_owners_never_wait_in_a_ring():
    owners = [make_owner(name).id for name in ("one", "two", "three")]
    columns = columns_of_a_request(most_open=50)
    barrier = threading.Barrier(6)

    def store(number: int) -> None:
        with contextlib.closing(connection):
            for turn in range(20):
                order = owners if (number + turn) % 2 else owners[::-1]
                batch = [
                    columns | {"id": uuid4(), "owner_id": owner_id}
                    for owner_id in order * 2
                ]
                barrier.wait(10)
                with transaction.atomic():
                    insert_orders(batch)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(store, range(6)))

    counts = [Order.objects.filter(owner_id=owner_id).count() for owner_id in owners]
    assert counts == [50, 50, 50]


def _store_within(lock_timeout_ms: int, columns: dict[str, object]) -> int:
    with contextlib.closing(connection), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {lock_timeout_ms}")
        return len(insert_orders([columns]).events)
