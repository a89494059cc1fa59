"""The committed rows, read over a connection of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from psycopg.rows import namedtuple_row

ORDERS = """
    SELECT id, status, attempt, live_attempt, min_amount_out, amount_out, fence,
           last_sequence, lease_owner, needs_review_at IS NOT NULL AS in_review,
           coalesce(lease_until > now(), false) AS is_leased
    FROM orders_order
"""
EVENTS = "SELECT order_id, sequence, status, attempt FROM orders_orderevent ORDER BY sequence"
ATTEMPTS = """
    SELECT order_id, number, state, signature, raw_transaction, min_amount_out,
           last_valid_block_height
    FROM orders_attempt ORDER BY number
"""


@dataclass(slots=True)
class Rows:
    """What is committed at one moment."""

    orders: dict[UUID, Any] = field(default_factory=dict)
    events: dict[UUID, list[Any]] = field(default_factory=dict)
    attempts: dict[UUID, list[Any]] = field(default_factory=dict)


class Records:
    """Sees what others see: nothing that is not committed."""

    def __init__(self) -> None:
        self._connection = _connect()
        self.revision = 0
        # As they were last read; None once anything may have changed.
        self._orders: dict[UUID, Any] | None = None

    def changed(self) -> None:
        """Read anew from now on: somebody has written."""
        self._orders = None
        self.revision += 1

    def orders(self) -> dict[UUID, Any]:
        if self._orders is None:
            self._orders = {row.id: row for row in self.query(ORDERS)}
        return self._orders

    def rows(self) -> Rows:
        rows = Rows(self.orders())
        events, attempts = defaultdict(list), defaultdict(list)
        for event in self.query(EVENTS):
            events[event.order_id].append(event)
        for attempt in self.query(ATTEMPTS):
            attempts[attempt.order_id].append(attempt)
        rows.events, rows.attempts = events, attempts
        return rows

    def attempts_of(self, order_id: UUID) -> list[Any]:
        return [each for each in self.query(ATTEMPTS) if each.order_id == order_id]

    def exists(self, order_id: UUID) -> bool:
        return bool(self.query("SELECT 1 FROM orders_order WHERE id = %s", order_id))

    def someone_waits_for_a_lock(self) -> bool:
        return bool(self.query("SELECT 1 FROM pg_locks WHERE NOT granted"))

    def shift(self, order_id: UUID, assignments: str) -> None:
        """Move an order's row as time would."""
        self.query(f"UPDATE orders_order SET {assignments} WHERE id = %s", order_id)
        self.changed()

    def pass_time(self, seconds: float) -> None:
        """Bring every lease, due time and deadline so much closer."""
        gone = "make_interval(secs => %s)"
        columns = ("lease_until", "due_at", "deadline")
        shifts = ", ".join(f"{column} = {column} - {gone}" for column in columns)
        self.query(
            f"UPDATE orders_order SET {shifts} WHERE closed_at IS NULL", *[seconds] * 3
        )
        self.changed()

    def forget_all(self) -> None:
        """Delete all orders, for the next seed."""
        for table in ("orders_attempt", "orders_orderevent", "orders_order"):
            self.query(f"DELETE FROM {table}")

    def query(self, statement: str, *values: Any) -> Sequence[Any]:
        cursor = self._connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@cache
def _connect() -> psycopg.Connection[Any]:
    parameters = connection.get_connection_params()
    wanted = ("dbname", "host", "port", "user", "password")
    return psycopg.connect(
        **{name: parameters[name] for name in wanted if parameters.get(name)},
        autocommit=True,
        options="-c synchronous_commit=off",
        row_factory=namedtuple_row,
    )


def disconnect() -> None:
    """Close the connection that all worlds of a test share."""
    _connect().close()
    _connect.cache_clear()
