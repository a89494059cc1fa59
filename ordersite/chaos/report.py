"""The figures of a run: how many orders ended how, and how long they took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from orders.models import Order

from .verdict import Violation

PERCENTS = (50, 95, 99, 100)
UNKNOWN, TOTAL = "unknown", "TOTAL"
SHOWN = 20


def figures(placed: Mapping[UUID, str]) -> Iterator[str]:
    """Iterate over lines: per phase in which orders were asked for, then of all.

    Orders whose answer never came are of no known phase.
    """
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, list[float]] = defaultdict(list)
    columns = ("id", "status", "failure_code", "created_at", "closed_at")
    for id_, status, code, created, closed in Order.objects.values_list(*columns):
        for phase in (placed.get(id_, UNKNOWN), TOTAL):
            ends[phase][f"{status} {code}".strip()] += 1
            if closed is not None:
                seconds[phase].append((closed - created).total_seconds())
    unknown = [UNKNOWN] if UNKNOWN in ends else []
    for phase in [*dict.fromkeys(placed.values()), *unknown, TOTAL]:
        counts = ", ".join(f"{n} {end}" for end, n in sorted(ends[phase].items()))
        yield f"{phase:18} {spread(seconds[phase]):42} {counts}"


def spread(values: Sequence[float], *, decimals: int = 1) -> str:
    """Return percentiles of seconds; nothing measured is "no orders"."""
    if not values:
        return "no orders"
    ordered = sorted(values)
    shown = (
        f"p{percent} {ordered[(len(ordered) - 1) * percent // 100]:.{decimals}f}"
        for percent in PERCENTS
    )
    return " ".join(shown) + " s"


def verdict_lines(violations: Sequence[Violation], seed: int) -> Iterator[str]:
    """Iterate over lines: the first violations, then how many rules were broken."""
    for violation in violations[:SHOWN]:
        yield str(violation)
    if len(violations) > SHOWN:
        yield f"and {len(violations) - SHOWN} more"
    times = Counter(violation.rule for violation in violations)
    each = ", ".join(f"{rule} {count} times" for rule, count in times.items())
    yield f"{len(times)} rules broken{each and f': {each}'} (seed {seed})"
