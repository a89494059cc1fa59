"""The cheap rules: each is one SQL statement over the tables alone.

One statement sees one moment, so that a step under way is never taken for broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models import Value as V
from django.db.models.expressions import Window
from django.db.models.functions import Coalesce, Concat, Lag, Now

from dex.halting import Violation
from orders.models import (
    STILL_OPEN,
    TERMINAL,
    TRANSITIONS,
    Attempt,
    AttemptState,
    Order,
    OrderEvent,
    Status,
)

from .told_fill import fill_differs_from_event

Orders = QuerySet[Order]
Rows = QuerySet[Any, Any]

# How long after its end an order is looked at in every round, and in the wide ones. Each
# look costs: at 150 orders a second 15 minutes are 135,000 of them.
JUST_ENDED = timedelta(minutes=1)
RECENT = timedelta(minutes=15)
# A lease of 10 s and a round of the keeper, thrice: nobody takes the order.
UNTAKEN = timedelta(seconds=33)
# Past the deadline nothing is signed any more, and what was signed is decided within
# 150 blocks and 32 to finalize: 73 s at the chain's usual pace, 4 times that at most.
UNDECIDED = timedelta(minutes=5)

# Of every legal step "old new"; the first of all comes from nowhere.
LEGAL_STEPS = [
    f" {Status.PENDING}",
    *(f"{old} {new}" for old, targets in TRANSITIONS.items() for new in targets),
]


@dataclass(frozen=True, slots=True)
class TableRule:
    """One rule. `find` selects what breaks it: an order's id, and columns to show.

    A rule about liveness does not halt trading: what waits is not wrong.
    """

    says: str
    find: Callable[[Orders], Rows]
    halts: bool = True

    def broken(self, name: str, orders: Orders) -> Iterator[Violation]:
        """Iterate over the orders among `orders` that break the rule."""
        for row in self.find(orders):
            order_id = row.pop("order_id")
            detail = ", ".join(f"{column} {value}" for column, value in row.items())
            yield Violation(name, order_id, detail)


def every_order() -> Orders:
    return Order.objects.order_by()


def current_orders(within: timedelta = RECENT) -> Orders:
    """Return the orders that are open or ended lately; found over indexes."""
    return every_order().filter(STILL_OPEN | Q(closed_at__gt=Now() - within))


def broken_rules(orders: Orders) -> Iterator[Violation]:
    """Iterate over all violations of the cheap rules among `orders`."""
    for name, rule in TABLE_RULES.items():
        yield from rule.broken(name, orders)


def _shown(orders: Orders, *columns: str) -> Rows:
    rows: Rows = orders.values(*columns, order_id=F("id"))
    return rows


def _status_differs(orders: Orders) -> Rows:
    events = OrderEvent.objects.filter(order=OuterRef("id")).order_by("-sequence")
    ends = events.filter(status__in=TERMINAL).exclude(status=OuterRef("status"))
    return _shown(
        orders.annotate(last_event=Subquery(events.values("status")[:1])).filter(
            Q(last_event__isnull=True) | ~Q(last_event=F("status")) | Exists(ends)
        ),
        *("status", "last_event"),
    )


def _sequence_gap(orders: Orders) -> Rows:
    counted = orders.values("last_sequence", order_id=F("id")).annotate(
        event_count=Count("events"), top=Coalesce(Max("events__sequence"), 0)
    )
    # A sequence is unique and above 0, so as many as the highest are 1 to n.
    return counted.exclude(
        event_count=F("last_sequence"), top=F("last_sequence"), last_sequence__gt=0
    )


def _illegal_step(orders: Orders) -> Rows:
    before = Window(Lag("status"), partition_by="order_id", order_by="sequence")
    events = OrderEvent.objects.filter(order__in=orders.values("id")).order_by()
    steps = events.annotate(step=Concat(Coalesce(before, V("")), V(" "), "status"))
    return steps.exclude(step__in=LEGAL_STEPS).values("order_id", "sequence", "step")


def _live_attempt_differs(orders: Orders) -> Rows:
    live = _attempts(AttemptState.LIVE).values("number")[:1]
    return _shown(
        orders.annotate(live_row=Coalesce(Subquery(live), 0)).exclude(
            live_row=F("live_attempt")
        ),
        *("status", "live_attempt", "live_row"),
    )


def _confirmed_without_attempt(orders: Orders) -> Rows:
    its = {"number": OuterRef("attempt"), "signature": OuterRef("signature")}
    landed = _attempts(AttemptState.LANDED).filter(**its)
    confirmed = orders.filter(status=Status.CONFIRMED)
    return _shown(confirmed.exclude(Exists(landed)), "attempt", "signature")


def _landed_unconfirmed(orders: Orders) -> Rows:
    landed = _attempts(AttemptState.LANDED)
    return _shown(
        orders.exclude(status=Status.CONFIRMED).filter(Exists(landed)),
        *("status", "failure_code"),
    )


def _below_floor(orders: Orders) -> Rows:
    confirmed = orders.filter(status=Status.CONFIRMED)
    below = Q(min_amount_out__isnull=True) | Q(amount_out__lt=F("min_amount_out"))
    return _shown(confirmed.filter(below), "amount_out", "min_amount_out")


def _signed_below_floor(orders: Orders) -> Rows:
    below = Q(order__min_amount_out__isnull=True) | Q(
        min_amount_out__lt=F("order__min_amount_out")
    )
    signed = Attempt.objects.filter(below, order__in=orders.values("id")).order_by()
    return signed.values(
        "order_id", "number", "min_amount_out", "order__min_amount_out"
    )


def _paid_too_much(orders: Orders) -> Rows:
    paid = orders.filter(amount_in_filled__gt=F("amount_in"))
    return _shown(paid, "amount_in_filled", "amount_in")


def _closed_but_held(orders: Orders) -> Rows:
    held = ~Q(lease_owner="") | Q(lease_until__isnull=False)
    closed = orders.filter(held, status__in=TERMINAL)
    return _shown(closed, "status", "lease_owner", "lease_until")


def _not_carried(orders: Orders) -> Rows:
    late = Q(due_at__lt=Now() - UNTAKEN) | Q(deadline__lt=Now() - UNDECIDED)
    waiting = orders.filter(STILL_OPEN, late, needs_review_at__isnull=True)
    return _shown(waiting, "status", "due_at", "deadline")


def _attempts(state: AttemptState) -> QuerySet[Attempt]:
    return Attempt.objects.filter(order=OuterRef("id"), state=state).order_by()


TABLE_RULES: dict[str, TableRule] = {
    "status_differs": TableRule(
        "the status of an order is that of its last event, and of its only end",
        _status_differs,
    ),
    "sequence_gap": TableRule(
        "the events of an order are numbered 1 to n without a gap", _sequence_gap
    ),
    "illegal_step": TableRule(
        "every step of an order is one that the table of states allows", _illegal_step
    ),
    "live_attempt_differs": TableRule(
        "an order has a live attempt exactly while it says so", _live_attempt_differs
    ),
    "confirmed_without_attempt": TableRule(
        "a confirmed order has a landed attempt with its signature",
        _confirmed_without_attempt,
    ),
    "landed_unconfirmed": TableRule(
        "an order whose attempt landed is confirmed", _landed_unconfirmed
    ),
    "below_floor": TableRule("no order received less than its floor", _below_floor),
    "signed_below_floor": TableRule(
        "no attempt was signed with less than its order's floor", _signed_below_floor
    ),
    "paid_too_much": TableRule("no order paid more than it asked to", _paid_too_much),
    "fill_differs_from_event": TableRule(
        "the fill of an order is the one that its last event shows",
        fill_differs_from_event,
    ),
    "closed_but_held": TableRule("nobody holds an order that ended", _closed_but_held),
    "not_carried": TableRule(
        "every open order is held by somebody, and decided in time",
        _not_carried,
        halts=False,
    ),
}
