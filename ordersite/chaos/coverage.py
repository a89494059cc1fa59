"""What a run was asked for and did not exercise: its verdict says nothing about that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from .kills import Victim
from .points import ENGINE_POINTS, WEB_POINTS
from .schedule import FREEZE, KILL, KINDS, WEB_KILL, Counts


def not_exercised(
    asked: Counts,
    struck: Counter[str],
    idle: Counter[str],
    *,
    killed: Sequence[Victim],
    frozen: Sequence[Victim],
) -> Iterator[str]:
    """Say which strikes hit nothing, and at which named points nobody was struck.

    `idle` counts the strikes that were made while no order was open.
    """
    for kind in KINDS:
        if missing := asked[kind] - struck[kind]:
            yield f"{missing} of {asked[kind]} {kind} not made"
    for kind, victims in ((KILL, killed), (FREEZE, frozen)):
        holders = [victim for victim in victims if victim.name != "web"]
        if empty := sum(not victim.held for victim in holders):
            yield f"{empty} of {len(holders)} {kind} of a process that held no order"
    for kind in KINDS:
        if kind not in (KILL, FREEZE) and idle[kind]:
            yield f"{idle[kind]} of {struck[kind]} {kind} while no order was open"
    passed = {victim.point for victim in (*killed, *frozen)}
    points = [
        *(ENGINE_POINTS if asked[KILL] or asked[FREEZE] else ()),
        *(WEB_POINTS if asked[WEB_KILL] else ()),
    ]
    if missed := [point for point in points if point not in passed]:
        yield f"nobody was struck at {', '.join(missed)}"


def faults_without_orders(
    phases: Sequence[str], placed: Collection[str]
) -> Iterator[str]:
    """Name the faults of the chain under which no order was placed."""
    if missed := [name for name in dict.fromkeys(phases) if name not in placed]:
        yield f"no order was placed under {', '.join(missed)}"
