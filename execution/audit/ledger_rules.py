"""The ledger rules: the orders and attempts against what the wallet's transactions did.

The ledger is read first and the table after it. An attempt is saved before it is sent, so
whatever the ledger shows is in the table by then; an order under way breaks no rule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Prefetch

from dex.chain import known_chain
from dex.halting import Violation, accepted
from orders.models import TERMINAL, Attempt, AttemptState, Order, Status

from .landed import Landed, Ledger, quoted

Swaps = Sequence[Landed]

# Of one transaction, whichever order it names.
UNKNOWN = "landed_without_attempt"
CONSERVED = "amounts_differ"


@dataclass(frozen=True, slots=True)
class LedgerRule:
    """One rule. `broken` says of an order and its transactions what breaks it.

    `of_absence` when it is broken by what the ledger lacks, not by what it shows.
    """

    says: str
    broken: Callable[[Order, Swaps], Iterator[str]]
    of_absence: bool = False


def judge(ledger: Ledger) -> list[Violation]:
    """Compare every order of the table with what the ledger says."""
    by_order: dict[UUID | None, list[Landed]] = defaultdict(list)
    for one in ledger.landed:
        if one.signed:
            by_order[one.order_id].append(one)
    tally = _Tally()
    found: list[Violation] = []
    for order in _orders():
        swaps = by_order.pop(order.id, [])
        is_after = _is_after(order, swaps, ledger)
        for name, rule in LEDGER_RULES.items():
            if not (is_after and rule.of_absence):
                found += [
                    Violation(name, order.id, w) for w in rule.broken(order, swaps)
                ]
        found += _strays(order, swaps)
        tally.add(order, swaps, is_booked=not is_after)
    found += _strangers([one for rest in by_order.values() for one in rest], tally)
    return found + list(tally.differences(_accepted_strangers(found)))


def missing_swaps(ledger: Ledger) -> dict[str, str]:
    """Return the signatures of confirmed orders that the ledger lacks, with their memos."""
    listed = {one.signature for one in ledger.landed}
    confirmed = Order.objects.filter(status=Status.CONFIRMED)
    confirmed = confirmed.exclude(slot__gt=ledger.slot)
    rows = confirmed.order_by().values_list("id", "attempt", "signature")
    return {
        signature: f"[0] {order_id}:{attempt}"
        for order_id, attempt, signature in rows.iterator()
        if signature not in listed
    }


def _orders() -> Iterator[Order]:
    attempts = Attempt.objects.defer("raw_transaction").order_by("number")
    orders = Order.objects.select_related("token_in", "token_out").order_by()
    return iter(orders.prefetch_related(Prefetch("attempts", attempts)).iterator(500))


def _is_after(order: Order, swaps: Swaps, ledger: Ledger) -> bool:
    """Whether it was confirmed after the ledger was read, by a swap that is not in it.

    Its slot alone does not say so: more may land in the slot that is read, and a node may
    list a transaction later than it shows its slot.
    """
    if any(one.signature == order.signature for one in swaps):
        return False
    if order.slot is not None and order.slot > ledger.slot:
        return True
    return ledger.known is not None and order.signature not in ledger.known


def _successes(swaps: Swaps) -> list[str]:
    return [one.signature for one in swaps if one.succeeded]


def _confirmed_without_swap(order: Order, swaps: Swaps) -> Iterator[str]:
    landed = _successes(swaps)
    if order.status == Status.CONFIRMED and order.signature not in landed:
        yield f"{order.signature} did not land; landed: {landed or 'nothing'}"


def _failed_but_landed(order: Order, swaps: Swaps) -> Iterator[str]:
    landed = _successes(swaps)
    if order.status != Status.CONFIRMED and order.status in TERMINAL and landed:
        yield f"{order.status} ({order.failure_code}), and {landed} landed"


def _landed_twice(order: Order, swaps: Swaps) -> Iterator[str]:
    landed = _successes(swaps)
    if len(landed) > 1:
        yield f"{landed} all landed"


def _dead_attempt_landed(order: Order, swaps: Swaps) -> Iterator[str]:
    dead = (AttemptState.ERRORED, AttemptState.EXPIRED)
    ended = {a.signature: a.state for a in order.attempts.all() if a.state in dead}
    for signature in _successes(swaps):
        if signature in ended:
            yield f"{signature} landed, and the table says {ended[signature]}"


def _fill_differs(order: Order, swaps: Swaps) -> Iterator[str]:
    for one in swaps:
        if not one.succeeded or order.signature != one.signature:
            continue
        if order.status != Status.CONFIRMED:
            continue
        recorded = order.amount_in_filled, order.amount_out, order.slot
        paid = -one.moved.get(order.token_in.mint, 0)
        moved = paid, one.moved.get(order.token_out.mint, 0), one.slot
        if recorded != moved:
            yield f"recorded: {_fill(*recorded)}; the ledger says: {_fill(*moved)}"
        if order.min_amount_out is None or moved[1] < order.min_amount_out:
            yield f"received {moved[1]}, below the floor {order.min_amount_out}"


def _fill(paid: object, received: object, slot: object) -> str:
    """Write a fill in base units."""
    return f"paid {paid}, received {received}, slot {slot}"


def _strays(order: Order, swaps: Swaps) -> Iterator[Violation]:
    attempts = {attempt.number: attempt.signature for attempt in order.attempts.all()}
    for one in swaps:
        if one.attempt is None or attempts.get(one.attempt) != one.signature:
            detail = f"names order {order.id}, attempt {one.attempt}; the table has "
            yield Violation(UNKNOWN, one.signature, f"{detail}{attempts or 'none'}")


def _strangers(rest: Swaps, tally: _Tally) -> Iterator[Violation]:
    chain = known_chain()
    setup_memo = f"setup:{chain.database_id}" if chain else None
    for one in rest:
        if one.memo.partition("] ")[2] == setup_memo:
            continue
        tally.move(one)
        yield Violation(UNKNOWN, one.signature, f"names no order: {quoted(one.memo)}")


def _accepted_strangers(found: Iterable[Violation]) -> set[str]:
    pairs = accepted([v.pair for v in found if v.rule == UNKNOWN])
    return {signature for _, signature in pairs}


@dataclass
class _Tally:
    """What the wallet gained by mint, after the ledger and after the table."""

    _moved: list[Landed] = field(default_factory=list)
    _recorded: Counter[str] = field(default_factory=Counter)

    def add(self, order: Order, swaps: Swaps, *, is_booked: bool) -> None:
        """Count an order that has ended; one under way has no fill yet.

        `is_booked` unless its fill is of a swap that the ledger cannot show yet.
        """
        if order.status not in TERMINAL:
            return
        self._moved += swaps
        if order.amount_out is None or order.amount_in_filled is None:
            return
        if is_booked:
            self._recorded[order.token_in.mint] -= int(order.amount_in_filled)
            self._recorded[order.token_out.mint] += int(order.amount_out)

    def move(self, one: Landed) -> None:
        self._moved.append(one)

    def differences(self, excused: set[str]) -> Iterator[Violation]:
        moved: Counter[str] = Counter()
        for one in self._moved:
            if one.signature not in excused:
                moved.update(one.moved)
        for mint in sorted(moved.keys() | self._recorded.keys()):
            difference = moved[mint] - self._recorded[mint]
            if difference:
                # The difference is named, so that another one is another violation.
                yield Violation(
                    CONSERVED,
                    f"{mint} {difference:+d}",
                    f"the wallet gained {moved[mint]}, the fills say "
                    f"{self._recorded[mint]}",
                )


LEDGER_RULES: dict[str, LedgerRule] = {
    "landed_twice": LedgerRule("at most one swap of an order landed", _landed_twice),
    "confirmed_without_swap": LedgerRule(
        "the swap of a confirmed order landed",
        _confirmed_without_swap,
        of_absence=True,
    ),
    "failed_but_landed": LedgerRule(
        "no swap of an order with another end landed", _failed_but_landed
    ),
    "dead_attempt_landed": LedgerRule(
        "no attempt landed that was given up for dead", _dead_attempt_landed
    ),
    "fill_differs": LedgerRule(
        "the fill of an order is what its transaction moved", _fill_differs
    ),
}
# What is said of transactions and of mints, not of orders.
FURTHER_RULES = {
    UNKNOWN: "everything that the wallet signed is an attempt of this database",
    CONSERVED: "the wallet gained and paid what the fills add up to",
}
