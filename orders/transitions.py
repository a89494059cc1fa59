"""transition(): the one door through which an order's status changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from . import events, journal
from .errors import OrderLocked, StaleTransition
from .models import Attempt, AttemptState, FundsMoved, OrderEvent
from .moves import AttemptClosing, Move

# Written out: to put them together takes the ORM several times as long as to send them.
LOCK = f"""
    SELECT {", ".join(journal.READ)}, STATEMENT_TIMESTAMP() FROM orders_order
    WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""
ROW = (*journal.READ, "now")
LIVE = "SELECT order_id, id FROM orders_attempt WHERE order_id = ANY(%s) AND state = %s"

Counted = OrderEvent | StaleTransition | OrderLocked


def transition(move: Move) -> OrderEvent:
    """Move an order one step and write its event, in one database transaction.

    Ends what the order waited for, and says so in the event. Publishes after commit.
    Raises IllegalTransition when no order may make this step (a bug), StaleTransition
    when the order is no longer where `move` expects it. Waits for a locked row.
    """
    (result,) = _transition([move], skip_locked=False)
    if isinstance(result, OrderLocked):  # a lock would have been waited for
        raise StaleTransition(f"there is no order {move.order_id}")
    if isinstance(result, StaleTransition):
        raise result
    return result


def transition_all(moves: Sequence[Move]) -> list[Counted]:
    """Move many orders one step each, in one database transaction; publish after commit.

    Each order counts or not for itself. Returned is for each move its event, or the error
    that transition() would raise, or OrderLocked when somebody else holds the row: that
    must keep nobody waiting. Raises what fails for all of them: then none counted, unless
    the connection broke, which leaves it unknown.
    """
    return _transition(moves, skip_locked=True)


def _transition(moves: Sequence[Move], *, skip_locked: bool) -> list[Counted]:
    for move in moves:
        move.check()
    with transaction.atomic():
        rows = _lock([move.order_id for move in moves], skip_locked=skip_locked)
        live = _live_attempts([move.order_id for move in moves if move.closes])
        objections = {
            move.order_id: objection
            for move in moves
            if (objection := _objection(move, rows.get(move.order_id), live))
        }
        steps = [
            journal.Step(move, rows[move.order_id], live.get(move.order_id))
            for move in moves
            if move.order_id not in objections
        ]
        written = journal.write(steps) if steps else {}
        publish = partial(events.publish_all, [*written.values()])
        transaction.on_commit(publish, robust=True)
    return [(objections | written)[move.order_id] for move in moves]


def _lock(order_ids: Collection[UUID], *, skip_locked: bool) -> dict[UUID, journal.Row]:
    """Lock orders in the order of their ids, so that no two writers wait in a ring."""
    skipped = "SKIP LOCKED" if skip_locked else ""
    with connection.cursor() as cursor:
        cursor.execute(LOCK + skipped, [[*order_ids]])
        return {row[0]: dict(zip(ROW, row, strict=True)) for row in cursor.fetchall()}


def _live_attempts(order_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the ids of the attempts that may still land, by order."""
    if not order_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LIVE, [[*order_ids], AttemptState.LIVE])
        return dict(cursor.fetchall())


def _objection(
    move: Move, row: journal.Row | None, live: Mapping[UUID, int]
) -> StaleTransition | OrderLocked | None:
    """Say why a step does not count; None when it does. The row is locked."""
    if row is None:
        return OrderLocked(f"order {move.order_id} is being written by somebody else")
    if row["status"] in move.expected and _is_holder(move, row):
        if move.opens is not None:
            counts = _may_sign(row)
        elif move.closes is not None:
            counts = row["live_attempt"] > 0 and move.order_id in live
        else:
            counts = True
        if counts:
            return None
    return StaleTransition(f"order {move.order_id} has moved on")


def _is_holder(move: Move, row: journal.Row) -> bool:
    """Whether the claim is the newest; without one, whether nothing can land."""
    if move.fence is None:
        return bool(row["live_attempt"] == 0)
    return bool(row["fence"] == move.fence)


def _may_sign(row: journal.Row) -> bool:
    return (
        row["live_attempt"] == 0
        and row["cancel_requested_at"] is None
        and row["deadline"] > row["now"]
    )


def funds_moved(order_id: UUID, closes: AttemptClosing | None = None) -> FundsMoved:
    """Say what all attempts of an unhappy order cost: nothing, or network fees."""
    landed_with_error = (
        closes is not None and closes.state == AttemptState.ERRORED
    ) or Attempt.objects.filter(order_id=order_id, state=AttemptState.ERRORED).exists()
    return FundsMoved.FEE_ONLY if landed_with_error else FundsMoved.NONE


def unhappy_end(
    order_id: UUID, code: str, message: str, closes: AttemptClosing | None = None
) -> dict[str, Any]:
    """Write the `data` and `columns` of a Move to failed, cancelled or expired."""
    moved = funds_moved(order_id, closes)
    return {
        "data": {"code": code, "message": message, "fundsMoved": moved},
        "columns": {
            "failure_code": code,
            "failure_message": message,
            "funds_moved": moved,
        },
    }
