"""What the cheap rules read: one statement each, and no table from end to end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from execution.audit.rules import (
    JUST_ENDED,
    TABLE_RULES,
    current_orders,
)
from orders.tests.plans import start_with_new_files

from .audited import change, confirmed_order, found, submitted_order


@pytest.mark.django_db
def test_each_rule_is_one_statement():
    confirmed_order()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        found()

    assert len(queries) == len(TABLE_RULES)


@pytest.mark.django_db
def test_the_keeper_looks_at_open_orders_and_at_those_that_ended_lately():
    old, late, still_open = confirmed_order(), confirmed_order(), submitted_order()
    change(old, closed_at=Now() - timedelta(minutes=16))

    assert set(current_orders()) == {late, still_open}


@pytest.mark.django_db
def test_most_rounds_of_the_keeper_look_back_a_minute_alone():
    before, late, still_open = confirmed_order(), confirmed_order(), submitted_order()
    change(before, closed_at=Now() - timedelta(minutes=2))

    assert set(current_orders(JUST_ENDED)) == {late, still_open}


@pytest.mark.django_db
def test_the_keepers_rules_read_no_table_from_end_to_end():
    start_with_new_files()
    make_many_old_orders(3_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order, orders_orderevent, orders_attempt")

    for name, rule in TABLE_RULES.items():
        plan = explain(rule.find(current_orders()))
        assert "Seq Scan on orders_" not in plan, f"{name}:\n{plan}"


def explain(rows: QuerySet[Any, Any]) -> str:
    """Ask for the plan; Django's own explain() breaks on a filtered window."""
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


def make_many_old_orders(count: int) -> None:
    """Copy one confirmed order with its history, long ago."""
    order = confirmed_order()
    with connection.cursor() as cursor:
        for table, fresh in (
            ("orders_order", {"id": "copy", "closed_at": "now() - interval '1 day'"}),
            ("orders_orderevent", {"order_id": "copy"}),
            (
                "orders_attempt",
                {"order_id": "copy", "signature": "left(copy::text, 80)"},
            ),
        ):
            copy_rows(cursor, table, fresh, order, count)


def copy_rows(cursor, table, fresh, order, count):
    key = "id" if table == "orders_order" else "order_id"
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
        [table],
    )
    columns = [name for (name,) in cursor.fetchall()]
    if key == "order_id":
        columns.remove("id")
    values = [fresh.get(name, f"rows.{name}") for name in columns]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {', '.join(values)} FROM {table} rows,"
        " LATERAL (SELECT md5(n::text)::uuid AS copy FROM generate_series(1, %s) n) new"
        f" WHERE rows.{key} = %s",
        [count, order.id],
    )
