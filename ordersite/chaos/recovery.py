"""How long it took until the orders of a killed holder ended, and how late events came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from orders.models import Order

from .kills import Victim
from .report import spread
from .strikes import POSTGRES, Outage
from .ticket import Heard, Ticket

LATE_S = 2.0


def recovery_s(kills: Sequence[Victim]) -> list[float]:
    """Return the seconds from each kill to the end of each order that its victim held."""
    held: set[UUID] = {order_id for kill in kills for order_id in kill.held or ()}
    ends = dict(Order.objects.filter(id__in=held).values_list("id", "closed_at"))
    return [
        (ended - kill.at).total_seconds()
        for kill in kills
        for order_id in kill.held or ()
        if (ended := ends.get(order_id)) is not None
    ]


def lateness_s(heard: Heard, outages: Sequence[Outage]) -> float:
    """Return how long after its row an event came, without the outages of its way.

    A client that was away hears what it missed when it comes back: that counts from then
    on. While PostgreSQL was away nobody could read the row.
    """
    began = max(heard.stored, heard.open_since)
    late_s = (heard.came - began).total_seconds()
    for outage in outages:
        if outage.name == POSTGRES:
            late_s -= _overlap_s(began, heard.came, outage)
    return max(late_s, 0.0)


def _overlap_s(began: datetime, ended: datetime, outage: Outage) -> float:
    until = min(ended, outage.ended or ended)
    return max((until - max(began, outage.began)) / timedelta(seconds=1), 0.0)


def client_lines(tickets: Sequence[Ticket], outages: Sequence[Outage]) -> Iterator[str]:
    """Iterate over lines: what the clients did, and how they fared."""
    late = [lateness_s(heard, outages) for one in tickets for heard in one.heard]
    too_late = sum(value > LATE_S for value in late)
    posts = sum(one.posts for one in tickets)
    sockets = sum(one.sockets for one in tickets)
    orders = len({one.key for one in tickets})
    yield (
        f"{orders} orders asked for {posts} times, followed over {sockets} "
        f"sockets, {len(late)} events"
    )
    answers = [one.answered_s for one in tickets if one.answered_s is not None]
    yield f"answers to orders: {spread(answers, decimals=2)}"
    yield (
        f"events after their rows: {spread(late, decimals=2)}; {too_late} later than "
        f"{LATE_S:g} s"
    )


def recovery_lines(kills: Sequence[Victim]) -> Iterator[str]:
    """Iterate over lines: how the orders of killed holders fared."""
    holders = [kill for kill in kills if kill.held]
    took = recovery_s(holders)
    held = sum(len(kill.held or ()) for kill in holders)
    yield f"{len(holders)} of the killed held {held} orders, of which {len(took)} have ended"
    yield f"from a kill to the end of what it held: {spread(took, decimals=2)}"
