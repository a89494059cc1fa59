"""Which index answers a query, and which writes touch none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import UniqueConstraint
from django.test.utils import CaptureQueriesContext

from orders import claims, history
from orders.models import Order, Status

from .helpers import HAPPY_PATH, WORKER, claim, make_order, make_order_at, move
from .plans import start_with_new_files

pytestmark = pytest.mark.django_db

OPEN_ORDERS = "order_open_(due|owner)"


def make_orders(like: Order, count: int) -> None:
    copied = [str(field.column) for field in Order._meta.fields]
    copied.remove("id")
    columns = ", ".join(copied)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO orders_order (id, {columns}) "
            f"SELECT gen_random_uuid(), {columns} "
            "FROM orders_order, generate_series(1, %s) WHERE id = %s",
            [count, like.id],
        )


@pytest.fixture
def large_table() -> None:
    """Many orders that ended, some that are open, and statistics that know of them."""
    start_with_new_files()
    ended, _ = make_order_at(Status.CONFIRMED)
    for order, count in ((ended, 3_000), (make_order(), 20)):
        make_orders(order, count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order")


def plan_of(ask: Callable[[], Any]) -> str:
    """Return how PostgreSQL carries out the first statement that `ask` makes."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    with connection.cursor() as cursor:
        # How many tokens other tests leave must not change how orders are read.
        cursor.execute(
            "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
        )
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        return "\n".join(line for (line,) in cursor.fetchall())


def hot_updates() -> int:
    """Return how many updates of this transaction wrote into no index of orders."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_hot_updated('orders_order'::regclass)"
        )
        (count,) = cursor.fetchone()
        return int(count)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: claims.claim_overdue(limit=10, owner=WORKER),
        lambda: claims.claim_suspect(owner=WORKER),
        lambda: claims.claim_for_watching(limit=10, owner=WORKER),
    ],
    ids=["overdue", "suspect", "to be watched"],
)
def test_a_keeper_looks_at_the_index_of_open_orders_alone(ask, large_table):
    plan = plan_of(ask)

    assert re.search(f"Index Scan (using|on) {OPEN_ORDERS} ", plan)
    assert "Seq Scan on orders_order" not in plan


def test_a_worker_looks_orders_up_by_their_ids(large_table):
    plan = plan_of(lambda: claims.claim_orders([uuid.uuid4()], owner=WORKER))

    assert "orders_order_pkey" in plan
    assert "Seq Scan on orders_order" not in plan


def test_what_is_overdue_is_read_in_the_order_of_the_index(large_table):
    plan = plan_of(lambda: claims.claim_overdue(limit=10, owner=WORKER))

    assert re.search(r"Index Cond: \(due_at < ", plan)
    assert "Sort" not in plan


def test_what_sockets_miss_is_found_by_the_index_before_there_are_any_statistics():
    """A young database was never analyzed, and grows by the thousand."""
    start_with_new_files()
    make_orders(make_order(), 3_000)
    order_ids = Order.objects.order_by().values_list("id", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_orderevent (order_id, sequence, status, attempt, data) "
            "SELECT id, 1 + number, step, 1, '{}' FROM orders_order, "
            "unnest(%s::text[]) WITH ORDINALITY AS steps (step, number)",
            [[*HAPPY_PATH[:-1]]],
        )
    with connection.cursor() as cursor:
        seen = (list(order_ids[:10]), [3] * 10)
        cursor.execute(
            f"EXPLAIN {history.MISSED}", [*seen, history.PAGE_BYTES, history.PAGE_ROWS]
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert re.search("Index Scan (using|on) event_sequence_once_per_order", plan)
    assert "Seq Scan" not in plan


def test_no_step_but_the_last_writes_into_an_index_of_orders():
    held = claim(make_order())
    counts = {}
    for old, to in pairwise(HAPPY_PATH):
        before = hot_updates()
        move(held, old, to)
        counts[to] = hot_updates() - before

    assert counts == {
        Status.ROUTING: 1,
        Status.BUILDING: 1,
        Status.SUBMITTED: 1,
        Status.CONFIRMED: 0,  # it leaves the open orders
    }


def test_the_database_has_every_index_and_constraint_of_the_models():
    """Django drops unique indexes on the column of a foreign key that loses its index."""
    for model in apps.get_app_config("orders").get_models():
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(
                cursor, model._meta.db_table
            )
        unique = {
            c.name for c in model._meta.constraints if isinstance(c, UniqueConstraint)
        }
        declared = {c.name for c in (*model._meta.constraints, *model._meta.indexes)}
        assert declared - there.keys() == set()
        assert {name for name in unique if not there[name]["unique"]} == set()
