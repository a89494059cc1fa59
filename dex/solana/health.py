"""How well an endpoint answered lately: a score, a circuit breaker, and its slot.

The breaker keeps an endpoint that fails again and again from being asked at all, which
costs time and its patience. It is closed while all is well, opens after some failures in
a row, and lets one probe through after a pause that grows. A pause that the endpoint
itself asks for says nothing against it: it is kept, and who has the time waits for its
end. An endpoint that is not asked shows nothing: that is never taken for "not found".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import StrEnum

FAILURES_TO_OPEN = 5
FIRST_PAUSE_S = 0.5
# A node is often back within seconds, and orders wait for it.
MAX_PAUSE_S = 5.0
# A node that asks for a longer pause is asked again all the same: it may be the only one.
MAX_RETRY_AFTER_S = 30.0

# The weight of the newest answer in the averages.
NEWEST = 0.2
# Failures are forgotten at this pace: nobody may ask an endpoint that ranks last.
FORGET_S = 5.0
# At this latency the score is halved.
HALF_SCORE_LATENCY_MS = 500.0


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Health:
    """What is known of one endpoint. `error` is of its newest exchange, "" when well.

    `times_limited` counts how often it wanted to be asked less.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.error = ""
        self.latency_ms: float | None = None
        self.slot: int | None = None  # of its last answer at commitment confirmed
        self.times_limited = 0
        self._clock = clock
        self._failing = 0.0  # 0: none of the last answers failed, 1: all of them did
        self._failing_at = 0.0
        self._failures = 0  # in a row
        self._pause_s = FIRST_PAUSE_S
        self._asked_again_at: float | None = None  # None: the circuit is closed
        self._is_probing = False
        self._wanted_pause_ends_at = -math.inf

    @property
    def wanted_pause_s(self) -> float:
        """How much longer it wants not to be asked anything; 0 when it does not."""
        return max(self._wanted_pause_ends_at - self._clock(), 0.0)

    @property
    def circuit(self) -> Circuit:
        if self.wanted_pause_s:
            return Circuit.OPEN
        if self._asked_again_at is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._is_probing else Circuit.OPEN

    @property
    def score(self) -> float:
        """From 0 (all fails, or endlessly slow) to 1, by the latest answers."""
        slowness = (self.latency_ms or 0.0) / HALF_SCORE_LATENCY_MS
        return (1 - self._failing_now()) / (1 + slowness)

    def admits(self) -> bool:
        """Whether it may be asked now. With the circuit open, who may is the probe."""
        if self.wanted_pause_s:
            return False
        if self._asked_again_at is None:
            return True
        if self._clock() < self._asked_again_at:
            return False
        # Should the probe bring no verdict, another may be made after the same pause.
        self._is_probing = True
        self._asked_again_at = self._clock() + self._pause_s
        return True

    def answered(self, latency_ms: float) -> None:
        """Note a whole answer."""
        self.error = ""
        if self.latency_ms is None:
            self.latency_ms = latency_ms
        self.latency_ms += NEWEST * (latency_ms - self.latency_ms)
        self._average(0.0)
        self._failures, self._pause_s = 0, FIRST_PAUSE_S
        self._asked_again_at, self._is_probing = None, False

    def failed(self, reason: str) -> None:
        """Note an exchange without a usable answer."""
        self.slowed(reason)
        self._failures += 1
        circuit = self.circuit
        if circuit is Circuit.HALF_OPEN:
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)
        elif circuit is Circuit.OPEN or self._failures < FAILURES_TO_OPEN:
            return
        self._asked_again_at = self._clock() + self._pause_s
        self._is_probing = False

    def limited(self, reason: str, retry_after_s: float = 0.0) -> None:
        """Note that it wants to be asked less, and the pause that it names, if any."""
        self.times_limited += 1
        if not retry_after_s:
            self.failed(reason)
            return
        self.slowed(reason)
        pause_s = min(retry_after_s, MAX_RETRY_AFTER_S)
        self._wanted_pause_ends_at = self._clock() + pause_s

    def slowed(self, reason: str) -> None:
        """Note that a caller could not wait: it may still answer."""
        self.error = reason
        self._average(1.0)

    def _failing_now(self) -> float:
        return self._failing * math.exp((self._failing_at - self._clock()) / FORGET_S)

    def _average(self, failed: float) -> None:
        failing = self._failing_now()
        self._failing = failing + NEWEST * (failed - failing)
        self._failing_at = self._clock()
