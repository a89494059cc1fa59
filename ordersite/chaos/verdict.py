"""The rules that hold whatever went wrong, checked against table and ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from dex.models import Chain
from orders.models import TERMINAL, TRANSITIONS, Order, Status

from .landed import Landed


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one order broke; `rule` is a stable snake_case name."""

    rule: str
    order_id: UUID | None
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: order {self.order_id}: {self.detail}"


def judge(landed: Iterable[Landed]) -> list[Violation]:
    """Compare every order of the table with what the ledger says."""
    by_order: dict[UUID | None, list[Landed]] = defaultdict(list)
    for one in landed:
        by_order[one.order_id].append(one)
    violations = []
    orders = Order.objects.select_related("token_in", "token_out")
    for order in orders.prefetch_related("events", "attempts").iterator(500):
        swaps = by_order.pop(order.id, [])
        for rule, check in RULES.items():
            violations += [
                Violation(rule, order.id, what) for what in check(order, swaps)
            ]
    for order_id, strangers in by_order.items():
        signatures = ", ".join(one.signature for one in strangers)
        violations.append(
            Violation("landed_for_no_order", order_id, f"transactions {signatures}")
        )
    chain = Chain.objects.get()
    if chain.halted_at is not None:
        violations.append(Violation("halted", None, chain.halted_reason))
    return violations


def _successes(swaps: list[Landed]) -> list[Landed]:
    return [one for one in swaps if one.succeeded]


def _ended(order: Order, swaps: list[Landed]) -> Iterator[str]:
    if order.status not in TERMINAL:
        yield f"still {order.status}, live attempt {order.live_attempt}"
    if order.needs_review_at is not None:
        yield "waits for an operator"


def _confirmed_means_landed(order: Order, swaps: list[Landed]) -> Iterator[str]:
    landed = [one.signature for one in _successes(swaps)]
    if order.status == Status.CONFIRMED and order.signature not in landed:
        yield f"{order.signature} did not land; landed: {landed or 'nothing'}"


def _landed_means_confirmed(order: Order, swaps: list[Landed]) -> Iterator[str]:
    landed = [one.signature for one in _successes(swaps)]
    if order.status != Status.CONFIRMED and order.status in TERMINAL and landed:
        yield f"{order.status} ({order.failure_code}), and {landed} landed"


def _landed_once(order: Order, swaps: list[Landed]) -> Iterator[str]:
    landed = [one.signature for one in _successes(swaps)]
    if len(landed) > 1:
        yield f"{landed} all landed"


def _every_landing_is_an_attempt(order: Order, swaps: list[Landed]) -> Iterator[str]:
    attempts = {attempt.number: attempt.signature for attempt in order.attempts.all()}
    for one in swaps:
        if one.attempt is None or attempts.get(one.attempt) != one.signature:
            yield f"{one.signature} names attempt {one.attempt}; the table has {attempts}"


def _fill_is_true(order: Order, swaps: list[Landed]) -> Iterator[str]:
    for one in _successes(swaps):
        if order.signature != one.signature:
            continue
        recorded = order.amount_in_filled, order.amount_out, order.slot
        paid = -one.moved.get(order.token_in.mint, 0)
        moved = paid, one.moved.get(order.token_out.mint, 0), one.slot
        if recorded != moved:
            yield f"recorded {recorded}, and the ledger says {moved}"
        if order.min_amount_out is None or moved[1] < order.min_amount_out:
            yield f"received {moved[1]}, below the floor {order.min_amount_out}"


def _history_is_whole(order: Order, swaps: list[Landed]) -> Iterator[str]:
    events = sorted(order.events.all(), key=lambda event: event.sequence)
    sequences = [event.sequence for event in events]
    if sequences != list(range(1, order.last_sequence + 1)):
        yield f"events {sequences} of {order.last_sequence}"
        return
    path = [Status(event.status) for event in events]
    if path[0] != Status.PENDING or path[-1] != order.status:
        yield f"goes from {path[0]} to {path[-1]}, and the order is {order.status}"
    for old, new in pairwise(path):
        if new not in TRANSITIONS[old]:
            yield f"{old} → {new}"


RULES: dict[str, Callable[[Order, list[Landed]], Iterator[str]]] = {
    "not_ended": _ended,
    "confirmed_without_swap": _confirmed_means_landed,
    "failed_but_landed": _landed_means_confirmed,
    "landed_twice": _landed_once,
    "landed_without_attempt": _every_landing_is_an_attempt,
    "fill_differs": _fill_is_true,
    "history_broken": _history_is_whole,
}
