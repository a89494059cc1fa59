"""Why an order does not move: in its row while it waits, in its next event afterwards.

A reason is written once when it begins, not again while it stays. transition() ends it.
While trading is halted there are orders that nobody takes, who could write theirs: what
these wait for is said when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, DateTimeField, F, When
from django.db.models.functions import Now

from .access.guards import current_guards
from .claims import Claim
from .errors import StaleTransition
from .models import STILL_OPEN, Order, Status, WaitingCode

COLUMNS = ("waiting_code", "waiting_message", "waiting_since")
CLEARED: Mapping[str, Any] = {
    "waiting_code": "",
    "waiting_message": "",
    "waiting_since": None,
}
# What endpoints answer may be part of it.
MAX_MESSAGE = 1_000
HALTED = "Trading is halted until an operator lifts it."


@dataclass(frozen=True, slots=True)
class Wait:
    """Why an order does not move, for its owner, and since when."""

    code: str
    message: str
    since: datetime


def wait_of(order: Order) -> Wait | None:
    """Say what an order waits for by its row, or else by a halt; None: for nothing.

    The halt is looked at once a second at most. Raises database errors.
    """
    if order.waiting_since is not None:
        return Wait(order.waiting_code, order.waiting_message, order.waiting_since)
    if order.status != Status.PENDING:
        return None
    halted_at = current_guards().halted_at
    if halted_at is None:
        return None
    since = max(halted_at, order.created_at)
    return Wait(WaitingCode.TRADING_HALTED.value, HALTED, since)


def note_waiting(claim: Claim, code: WaitingCode, message: str) -> None:
    """Write why a claimed order does not move; one that waited for the same goes on so.

    Raises StaleTransition when the claim is no longer valid.
    """
    _write(
        claim,
        waiting_code=code,
        waiting_message=message[:MAX_MESSAGE],
        waiting_since=Case(
            When(waiting_code=code, then=F("waiting_since")),
            default=Now(),
            output_field=DateTimeField(),
        ),
    )


def clear_waiting(claim: Claim) -> None:
    """Take back what was written: the order waits for nothing any more.

    Raises StaleTransition when the claim is no longer valid.
    """
    _write(claim, **CLEARED)


def waited_for(row: Mapping[str, Any], until: Any) -> dict[str, Any]:
    """What the next event says of a wait that ends with it; nothing when there was none."""
    if not row["waiting_code"]:
        return {}
    waited = until - row["waiting_since"]
    return {
        "waitedFor": {
            "code": row["waiting_code"],
            "message": row["waiting_message"],
            "waitedMs": waited // timedelta(milliseconds=1),
        }
    }


def _write(claim: Claim, **columns: Any) -> None:
    mine = Order.objects.filter(STILL_OPEN, id=claim.order_id, fence=claim.fence)
    if mine.update(**columns) != 1:
        raise StaleTransition(f"order {claim.order_id} is somebody else's by now")
