"""What the clients were told, against the table: every event once, in order, unaltered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from orders.models import Order, OrderEvent

from .ticket import Ticket
from .verdict import Violation

# The time stamp is only another spelling of the row's: lateness is counted by it.
COMPARED = ("sequence", "status", "attempt", "data")

Event = Mapping[str, Any]


def differences(rows: Sequence[Event], frames: Sequence[Event]) -> Iterator[str]:
    """Say how a client's log differs from the rows of its order; nothing when it does not."""
    stored = {row["sequence"]: row for row in rows}
    seen = [frame["sequence"] for frame in frames]
    times = Counter(seen)
    for sequence in stored:
        if not times[sequence]:
            yield f"event {sequence} never came"
    for sequence, count in times.items():
        if sequence not in stored:
            yield f"event {sequence} came and is not in the table"
        elif count > 1:
            yield f"event {sequence} came {count} times"
    if seen != sorted(seen):
        yield f"the events came in the order {seen}"
    for frame in frames:
        row = stored.get(frame["sequence"], frame)
        altered = [name for name in COMPARED if frame.get(name) != row.get(name)]
        if altered:
            yield f"event {frame['sequence']} came with another {', '.join(altered)}"


def compare(tickets: Sequence[Ticket]) -> Iterator[Violation]:
    """Compare the log of every client with the table, and the table with the answers."""
    events = _events()
    keys = dict(Order.objects.values_list("idempotency_key", "id"))
    for ticket in tickets:
        for complaint in ticket.complaints:
            yield Violation("client_misled", ticket.order_id, complaint)
        if ticket.order_id is None:
            detail = f"the order with the key {ticket.key} was never answered"
            yield Violation("never_answered", keys.get(ticket.key), detail)
            continue
        if keys.get(ticket.key) != ticket.order_id:
            detail = f"answered for the key {ticket.key}, whose row is "
            detail += f"{keys.get(ticket.key)}"
            yield Violation("accepted_but_lost", ticket.order_id, detail)
            continue
        for what in differences(events[ticket.order_id], ticket.frames):
            yield Violation("client_log_differs", ticket.order_id, what)
    placed = {ticket.key for ticket in tickets}
    for key, order_id in keys.items():
        if key not in placed:
            detail = "no client asked for it"
            yield Violation("order_out_of_nothing", order_id, detail)


def _events() -> Mapping[UUID, list[Event]]:
    """Read the history of every order, in order."""
    events: dict[UUID, list[Event]] = defaultdict(list)
    rows = OrderEvent.objects.order_by("order_id", "sequence")
    for row in rows.values("order_id", *COMPARED).iterator():
        events[row.pop("order_id")].append(row)
    return events
