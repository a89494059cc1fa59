"""Orders that are placed at the same moment share one transaction, so one COMMIT.

The first thread stores its order at once. Those that come while it waits for the database
line up, and the first of them then stores what all of them brought. Nobody waits for
company: an order that is alone is stored alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import Error, InterfaceError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from . import events, queue
from .access.guards import too_many_open
from .errors import DatabaseUnavailable, caused_by
from .insertion import insert_orders

Columns = Mapping[str, Any]


class CommitUnanswered(Exception):
    """The answer to COMMIT was lost: the order is stored, or it is not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one transaction: which orders it stored, or why it failed.

    `full` has those whose owner had no room for them, and how many orders were open then.
    """

    of_many: bool
    stored: frozenset[UUID] = frozenset()
    full: Mapping[UUID, int] = field(default_factory=dict)
    error: Error | None = None
    was_committing: bool = False

    @property
    def is_of_connection(self) -> bool:
        if self.error is None or isinstance(self.error.__cause__, DeadlockDetected):
            return False  # one order has two unique values: alone it waits in no ring
        return isinstance(self.error, OperationalError | InterfaceError)


@dataclass(slots=True, eq=False)
class Waiting:
    """Orders in line. Called without an outcome, their thread is the next to store."""

    orders: Sequence[Columns]
    called: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None


class Intake:
    """Stores orders, of all threads of a process in one transaction at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: list[Waiting] = []
        self._is_busy = False

    def store_all(self, orders: Sequence[Columns]) -> list[bool | Exception]:
        """Store orders with their first events; queue and publish them once committed.

        `orders` have the columns of `insert_orders`. Returned is for each whether it was
        stored: False when another order has its key or its predecessor. Or an error:
        TooManyOpenOrders, also where another order may have its key; CommitUnanswered;
        DatabaseUnavailable or another database error when it was not stored. What is wrong
        with one order fails no other.
        """
        if connection.in_atomic_block:  # others must not wait for, or end with, that
            outcome = _store_all(orders)
        else:
            outcome = self._store_with_others(orders)
        if outcome.error is None or not outcome.of_many or outcome.is_of_connection:
            return [_result(outcome, columns) for columns in orders]
        return [_result(_store_all([columns]), columns) for columns in orders]

    def _store_with_others(self, orders: Sequence[Columns]) -> Outcome:
        mine = Waiting(orders)
        with self._lock:
            self._line.append(mine)
            is_first, self._is_busy = not self._is_busy, True
        if not is_first:
            mine.called.wait()
        return mine.outcome or self._store_line()

    def _store_line(self) -> Outcome:
        with self._lock:
            batch, self._line = self._line, []
        outcome = Outcome(True, error=Error("the thread that stored it was stopped"))
        try:
            outcome = _store_all([*chain.from_iterable(w.orders for w in batch)])
        finally:
            for waiting in batch:
                waiting.outcome = outcome
                waiting.called.set()
            with self._lock:
                self._is_busy = bool(self._line)
                if self._line:
                    self._line[0].called.set()
        return outcome


def _store_all(orders: Sequence[Columns]) -> Outcome:
    of_many, committing = len(orders) > 1, False
    try:
        with transaction.atomic(durable=True):
            inserted = insert_orders(orders)
            stored = inserted.events
            transaction.on_commit(partial(events.publish_all, stored), robust=True)
            for event in stored:
                request_id = event.data.get("requestId", "")
                transaction.on_commit(
                    partial(queue.enqueue, event.order_id, request_id), robust=True
                )
            committing = True
    except Error as error:
        return Outcome(of_many, error=error, was_committing=committing)
    ids = frozenset(event.order_id for event in stored)
    return Outcome(of_many, ids, inserted.full)


def _result(outcome: Outcome, columns: Columns) -> bool | Exception:
    if outcome.error is None:
        order_id = columns["id"]
        if order_id in outcome.full:
            return too_many_open(columns["most_open"], outcome.full[order_id])
        return order_id in outcome.stored
    if not outcome.is_of_connection:
        return outcome.error
    if outcome.was_committing:
        return caused_by(outcome.error, CommitUnanswered())
    unavailable = DatabaseUnavailable("The database did not answer.")
    return caused_by(outcome.error, unavailable)


PROCESS_INTAKE = Intake()
