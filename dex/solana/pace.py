"""How far the chain can be by now: what one endpoint alone cannot make anybody believe.

Whoever names a slot far ahead would make every other endpoint seem to lag, and what is
asked for at that slot only it would answer. So a slot counts when the chain can have made
it since the last slot that was believed, or when a second endpoint has shown it, too.

The first slot that an endpoint names is believed: a node that lags is more common than
one that lies, and of two that differ from the start nobody can tell which is right.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

# How far a node may be behind the newest slot that any showed lately, about five seconds
# of the chain's time. Nodes of one cluster are rarely more than three slots apart.
MAX_BEHIND_SLOTS = 12
# So far ahead of its time a slot may be. Who is ahead by no more makes nobody lag.
MAX_AHEAD_SLOTS = MAX_BEHIND_SLOTS
# Endpoints that are so close, and were so at the same time, are where the chain is.
CLOSE_SLOTS = 8
SAME_TIME_S = 5.0


@dataclass(frozen=True, slots=True)
class _Seen:
    slot: int
    at_s: float


class ChainPace:
    """Follows the slots that `endpoints` endpoints show.

    `newest` is the newest slot at commitment confirmed that is believed, 0 before any.
    """

    def __init__(
        self,
        *,
        slot_time_s: float,
        endpoints: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.newest = 0
        self._slot_time_s = slot_time_s
        self._endpoints = endpoints
        self._clock = clock
        self._anchor: _Seen | None = None  # the chain was here then, for all we know
        self._shown: dict[str, _Seen] = {}

    def reached(self, endpoint: str, slot: int) -> None:
        """Note the slot of an endpoint's answer at commitment confirmed."""
        self.show(endpoint, slot)
        slots = [self.newest, *(seen.slot for seen in self._shown.values())]
        self.newest = max(filter(self.admits, slots), default=0)

    def show(self, endpoint: str, slot: int) -> None:
        """Note a slot that an endpoint names, at whatever commitment."""
        is_new = endpoint not in self._shown
        now = self._clock()
        self._shown[endpoint] = _Seen(slot, now)
        others = [
            seen.slot
            for name, seen in self._shown.items()
            if name != endpoint and now - seen.at_s <= SAME_TIME_S
        ]
        closest = min(others, key=lambda other: abs(other - slot), default=slot)
        both = min(slot, closest)  # two endpoints are there, if not further
        if others and (abs(closest - slot) <= CLOSE_SLOTS or not self.admits(both)):
            self._anchor = _Seen(both, now)
        elif (
            self._endpoints == 1
            or self._anchor is None
            or (is_new and slot > self._expected())
        ):
            self._anchor = _Seen(slot, now)

    def admits(self, slot: int) -> bool:
        """Whether the chain can have reached this slot by now."""
        return slot <= self._expected() + MAX_AHEAD_SLOTS

    def strays(self, slot: int) -> bool:
        """Whether it is too far behind the newest, or beyond what can be by now."""
        return slot < self.newest - MAX_BEHIND_SLOTS or not self.admits(slot)

    def distance(self, slot: int) -> int:
        """How far it is from the newest, in slots, on either side."""
        return abs(slot - self.newest)

    def believe(self, slot: int) -> None:
        """Take this slot for the newest, whatever was shown before."""
        self.newest = slot
        self._anchor = _Seen(slot, self._clock())

    def _expected(self) -> float:
        """Where the chain is by now, if it kept its pace; infinite while not known."""
        if self._anchor is None:
            return math.inf
        elapsed_s = self._clock() - self._anchor.at_s
        return self._anchor.slot + elapsed_s / self._slot_time_s
