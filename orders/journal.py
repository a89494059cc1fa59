"""What one step of many orders writes: their rows, events and attempts. No COMMIT here.

Called by transition() alone, with the rows locked and the steps checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model

from . import waiting
from .bulk_insert import insert_all
from .models import TERMINAL, Attempt, Order, OrderEvent
from .moves import AttemptClosing, AttemptOpening, Move
from .per_row import update_each

# What is known of an order once its row is locked, and when that was.
Row = Mapping[str, Any]
READ = (
    *("id", "status", "fence", "live_attempt", "last_sequence"),
    *("cancel_requested_at", "deadline", *waiting.COLUMNS),
)
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Step:
    """A move that counts, the locked row it is made on, and the attempt that it closes."""

    move: Move
    row: Row
    attempt_id: int | None


def write(steps: Sequence[Step]) -> dict[UUID, OrderEvent]:
    """Write steps of different orders, few statements for all; return their events."""
    _update(Order, {step.move.order_id: _columns(step) for step in steps})
    insert_all(
        [
            Attempt(
                order_id=step.move.order_id,
                created_at=step.row["now"],
                **_members(step.move.opens),
            )
            for step in steps
            if step.move.opens is not None
        ]
    )
    _update(
        Attempt,
        {
            step.attempt_id: {
                **_members(step.move.closes),
                "closed_at": step.row["now"],
            }
            for step in steps
            if step.move.closes is not None
        },
    )
    events = [_event(step) for step in steps]
    insert_all(events)
    return {event.order_id: event for event in events}


def _members(of: AttemptOpening | AttemptClosing) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def _columns(step: Step) -> dict[str, Any]:
    """Return what a step writes into the order's row."""
    move, row = step.move, step.row
    columns = {
        "status": move.to,
        "attempt": move.attempt,
        # The row is locked, so this number is ours alone.
        "last_sequence": row["last_sequence"] + 1,
        **(move.columns or {}),
    }
    if move.is_progress:
        columns["idle_claims"] = 0
    if row["waiting_code"]:
        columns |= waiting.CLEARED
    if move.fence is None:
        columns["fence"] = row["fence"] + 1
    if move.opens is not None:
        columns["live_attempt"] = move.opens.number
    elif move.closes is not None:
        columns["live_attempt"] = 0
    if move.to in TERMINAL:
        columns |= {"closed_at": row["now"], "lease_until": None, "lease_owner": ""}
    return columns


def _event(step: Step) -> OrderEvent:
    move, row = step.move, step.row
    return OrderEvent(
        order_id=move.order_id,
        sequence=row["last_sequence"] + 1,
        status=move.to,
        attempt=move.attempt,
        data={**move.data, **waiting.waited_for(row, until=row["now"])},
        created_at=row["now"],
    )


def _update(model: type[Model], rows: Mapping[Key, Mapping[str, Any]]) -> None:
    """Give each row its columns in one statement, whatever each of them writes."""
    if rows:
        changed = update_each(model, rows)
        assert changed == len(rows), "locked rows stay where they are"
