"""How long things may take: beyond that a run broke a rule, though nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from orders.models import Order

from .conduct import chain_s
from .kills import Victim
from .recovery import lateness_s
from .strikes import Outage
from .ticket import Ticket
from .verdict import Violation

# Twice what is promised, for a loaded machine.
EVENT_WITHIN_S = 2 * 2.0
RECOVERY_WITHIN_S = 2 * 15.0


def late_events(
    tickets: Sequence[Ticket], outages: Sequence[Outage]
) -> Iterator[Violation]:
    """Iterate over events that came too late after their rows."""
    for ticket in tickets:
        for frame, heard in zip(ticket.frames, ticket.heard, strict=True):
            late_s = lateness_s(heard, outages)
            if late_s > EVENT_WITHIN_S:
                detail = (
                    f"event {frame['sequence']} came {late_s:.1f} s after its row, "
                )
                detail += f"and {EVENT_WITHIN_S:g} s are allowed"
                yield Violation("event_late", ticket.order_id, detail)


def late_recoveries(
    victims: Sequence[Victim], slot_time_s: float
) -> Iterator[Violation]:
    """Iterate over orders that ended too late after their last holder was struck.

    Those that have not ended at all are for the rule `not_ended`.
    """
    within_s = RECOVERY_WITHIN_S + chain_s(slot_time_s)
    last: dict[UUID, Victim] = {
        order_id: victim
        for victim in sorted(victims, key=lambda victim: victim.at)
        for order_id in victim.held or ()
    }
    ended = Order.objects.filter(id__in=last, closed_at__isnull=False)
    for order in ended.only("id", "closed_at"):
        victim = last[order.id]
        assert order.closed_at is not None
        took_s = (order.closed_at - victim.at).total_seconds()
        if took_s > within_s:
            detail = f"ended {took_s:.1f} s after {victim.name}, which held it, was "
            detail += f"struck, and {within_s:.0f} s are allowed"
            yield Violation("recovered_late", order.id, detail)
