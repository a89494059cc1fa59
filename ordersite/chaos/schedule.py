"""Which fault strikes when: drawn from the seed before the run begins."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .points import ENGINE_POINTS, WEB_POINTS

KILL, FREEZE, WEB_KILL = "kill", "freeze", "web-kill"
FLUSH, REDIS_STOP, REDIS_STALL = "redis-flush", "redis-stop", "redis-stall"
POSTGRES_RESTART = "postgres-restart"
NODE_STALL, NODE_RESET, NODE_CUT = "node-stall", "node-reset", "node-cut"
KINDS = (
    *(KILL, FREEZE, WEB_KILL, FLUSH, REDIS_STOP, REDIS_STALL, POSTGRES_RESTART),
    *(NODE_STALL, NODE_RESET, NODE_CUT),
)
# How long each lasts, in seconds. A freeze outlasts the lease of 10 s.
LASTS_S: Mapping[str, tuple[float, float]] = {
    FREEZE: (11.0, 15.0),
    REDIS_STOP: (3.0, 60.0),
    REDIS_STALL: (3.0, 20.0),
    NODE_STALL: (1.0, 8.0),
    NODE_CUT: (1.0, 5.0),
}
# Of kills and freezes, so many anywhere for one at a named point.
ANYWHERE_PER_POINT = 2 / 3
SHARE_OF_WORKERS = 0.75  # among those at a point


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault. `targets` in the order of preference: the first that is up is struck."""

    at_s: float
    kind: str
    targets: tuple[str, ...] = ()
    lasts_s: float = 0.0
    point: str = ""  # "": at any moment


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each fault strikes in the whole run, by its kind."""

    of: Mapping[str, int] = field(default_factory=dict)
    longest_s: float = 60.0  # of a fault that lasts

    def __getitem__(self, kind: str) -> int:
        return self.of.get(kind, 0)


class Schedule:
    """All strikes of a run, in the order of time; the same for the same seed."""

    def __init__(
        self, counts: Counts, holders: Sequence[str], *, seconds: float, seed: int
    ) -> None:
        self._rng = random.Random(f"schedule:{seed}")
        self._holders = list(holders)
        # In turn, so that a long run comes by every one.
        self._kill_points = self._in_turn(ENGINE_POINTS)
        self._freeze_points = self._in_turn(ENGINE_POINTS)
        self._web_points = self._in_turn(WEB_POINTS)
        self._counts = counts
        self._seconds = seconds
        draw = {KILL: self._kill, WEB_KILL: self._web_kill, FREEZE: self._freeze}
        self.strikes: Sequence[Strike] = sorted(
            (
                strike
                for kind in KINDS
                for strike in self._drawn(kind, draw.get(kind, self._other))
            ),
            key=lambda strike: strike.at_s,
        )

    def _drawn(
        self, kind: str, draw: Callable[[str, float], Strike]
    ) -> Iterator[Strike]:
        """Spread the strikes of a kind over the run, each at random in its share."""
        count = self._counts[kind]
        for share in range(count):
            at_s = (share + self._rng.random()) / count * self._seconds
            yield draw(kind, at_s)

    def _kill(self, kind: str, at_s: float) -> Strike:
        point = next(self._kill_points)
        return Strike(at_s, kind, self._preference(point), point=point)

    def _web_kill(self, kind: str, at_s: float) -> Strike:
        return Strike(at_s, kind, ("web",), point=next(self._web_points))

    def _freeze(self, kind: str, at_s: float) -> Strike:
        low, high = LASTS_S[FREEZE]
        lasts_s, point = self._rng.uniform(low, high), next(self._freeze_points)
        return Strike(at_s, kind, self._preference(point), lasts_s, point)

    def _other(self, kind: str, at_s: float) -> Strike:
        low, high = LASTS_S.get(kind, (0.0, 0.0))
        lasts_s = self._rng.uniform(low, max(low, min(high, self._counts.longest_s)))
        # One node at a time: with all of them away nothing at all can be shown.
        node = f"node-{self._rng.randrange(2)}" if kind.startswith("node") else ""
        return Strike(at_s, kind, (node,) if node else (), lasts_s)

    def _in_turn(self, points: Sequence[str]) -> Iterator[str]:
        mixed = [*points, *[""] * round(len(points) * ANYWHERE_PER_POINT)]
        self._rng.shuffle(mixed)
        return itertools.cycle(mixed)

    def _preference(self, point: str) -> tuple[str, ...]:
        targets = self._rng.sample(self._holders, len(self._holders))
        if point and self._rng.random() < SHARE_OF_WORKERS:
            # A keeper comes by the points only while something is overdue.
            targets.sort(key=lambda name: not name.startswith("worker"))
        return tuple(targets)
