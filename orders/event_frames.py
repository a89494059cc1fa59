"""How an event looks in JSON, wherever it is told: in a history, on sockets, to listeners."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from .models import OrderEvent, Status


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC to the millisecond, as 2026-11-20T09:14:03.120Z."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class EventRow(NamedTuple):
    """The columns of an event that its frame shows."""

    order_id: UUID
    sequence: int
    status: str
    attempt: int
    created_at: datetime
    data: Any


def event_frame(event: OrderEvent | EventRow) -> dict[str, Any]:
    """The one shape of an event, for history, sockets and listeners."""
    return {
        "orderId": str(event.order_id),
        "sequence": event.sequence,
        "status": event.status,
        "attempt": event.attempt,
        "timestamp": timestamp(event.created_at),
        "data": event.data,
    }


def quoted_attempt(event: OrderEvent) -> int:
    """Say which attempt the quotes in an event belong to.

    An attempt that found no route leaves them in the event that begins the next one.
    """
    return event.attempt - (event.status == Status.ROUTING)
