"""Buckets of tokens: how much somebody may still ask for, counted over all processes.

A bucket holds the tokens of one minute and fills up evenly. Redis keeps it: a process
takes tokens from there by one atomic call, and more of them at a time the faster they are
spent, so that most requests need no call. A bucket that was found empty is not asked for
again before a token can be in it, so a flood costs Redis next to nothing.

Without Redis each process keeps a bucket of its own, with its share of the tokens.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Protocol

WINDOW_S = 60
# The most that one process takes ahead is this part of a bucket. A small bucket is taken
# from one by one, and so counted exactly, however many processes there are.
AHEAD = 20
AHEAD_S = WINDOW_S / AHEAD  # what was taken ahead and is not spent by then is forgotten
MOST = 10_000  # buckets in one process; clients choose them


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of whoever keeps a bucket: tokens taken, and tokens left there.

    `wait_s` is how long it takes until the next token, when none was taken.
    """

    tokens: int
    left: int
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """How many of the wanted tokens were granted, and how the bucket stands now."""

    granted: int
    limit: int
    remaining: int
    retry_after_s: int  # 0 when all were granted

    @property
    def reset_s(self) -> int:
        """After how many seconds the bucket is full again."""
        return math.ceil((self.limit - self.remaining) * WINDOW_S / self.limit)

    def headers(self) -> dict[str, str]:
        """Return what an answer says of it: the triple that most clients know."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class Store(Protocol):
    """Whoever keeps the buckets of all processes. Raises nothing: None means away."""

    def take(self, name: str, limit: int, most: int) -> Taken | None: ...


class Bucket:
    """One process's view of a bucket: tokens taken ahead, or the time of the next one."""

    def __init__(self, name: str, limit: int, share: int) -> None:
        self.lock = threading.Lock()
        self.limit = limit
        self._name = name
        self._share = share
        self._ahead = 0
        self._ahead_until = 0.0
        self._size = 1  # of what is taken ahead
        self._left = limit  # in Redis, when it was asked last
        self._empty_until = 0.0
        self._own_full_at = 0.0  # when the process's own bucket is full, for use alone

    def spend(self, tokens: int) -> Decision | None:
        """Decide by what the process knows; None: whoever keeps the bucket must say."""
        now = time.monotonic()
        if now < self._empty_until:
            return self._refusal(self._empty_until - now)
        if self._ahead < tokens or now >= self._ahead_until:
            return None
        self._ahead -= tokens
        return Decision(tokens, self.limit, self._left + self._ahead, 0)

    def found_empty(self) -> Decision | None:
        """Return the refusal while it is known to be empty, and take nothing."""
        wait_s = self._empty_until - time.monotonic()
        return self._refusal(wait_s) if wait_s > 0 else None

    def fetch(self, tokens: int, store: Store) -> Decision:
        """Take tokens from where they are kept: one at least, else the bucket is empty."""
        now = time.monotonic()
        size = self._next_size(tokens, now)
        held, self._ahead = self._held(now), 0
        taken = store.take(self._name, self.limit, max(tokens, size) - held)
        if taken is None:
            taken = self._take_own(max(tokens - held, 0), now)
        self._left = taken.left
        granted = min(held + taken.tokens, tokens)
        if granted == 0:
            self._empty_until = now + taken.wait_s
            return self._refusal(taken.wait_s)
        self._ahead = held + taken.tokens - granted
        self._ahead_until = now + AHEAD_S
        missing = granted < tokens
        wait_s = math.ceil(WINDOW_S / self.limit) if missing else 0
        return Decision(granted, self.limit, self._left + self._ahead, wait_s)

    def _held(self, now: float) -> int:
        return self._ahead if now < self._ahead_until else 0

    def _next_size(self, tokens: int, now: float) -> int:
        """Twice as much when the last was spent in time; else begin anew, with one."""
        most = max(1, self.limit // AHEAD)
        self._size = min(2 * self._size, most) if now < self._ahead_until else 1
        return self._size

    def _take_own(self, tokens: int, now: float) -> Taken:
        """Take from the process's own bucket, which holds its share.

        Source: the generic cell rate algorithm, ITU-T I.371, as a virtual scheduler.
        """
        gap_s = WINDOW_S / self._share
        full_at = max(self._own_full_at, now)
        there = int((now + WINDOW_S - full_at) / gap_s + 1e-6)
        if there == 0:
            return Taken(0, 0, full_at + gap_s - WINDOW_S - now)
        taken = min(tokens, there)
        self._own_full_at = full_at + taken * gap_s
        return Taken(taken, there - taken)

    def _refusal(self, wait_s: float) -> Decision:
        return Decision(0, self.limit, 0, max(1, math.ceil(wait_s)))


class Buckets:
    """The buckets of one kind, each with the same limit for a minute; 0 is no limit."""

    def __init__(self, kind: str, limit: int, processes: int, store: Store) -> None:
        self.limit = limit
        self._kind = kind
        self._share = max(1, limit // processes)
        self._store = store
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, who: str, tokens: int = 1) -> Decision | None:
        """Take tokens, if need be from Redis; None when there is no limit."""
        if self.limit == 0:
            return None
        bucket = self._bucket(who)
        with bucket.lock:
            return bucket.spend(tokens) or bucket.fetch(tokens, self._store)

    def take_at_once(self, who: str) -> Decision | None:
        """Take one token without waiting for anybody; None: only take() can tell."""
        bucket = self._bucket(who)
        if not bucket.lock.acquire(blocking=False):
            return None
        try:
            return bucket.spend(1)
        finally:
            bucket.lock.release()

    def found_empty(self, who: str) -> Decision | None:
        """Return the refusal while a bucket is known to be empty, and take nothing."""
        bucket = self._buckets.get(who)
        return bucket.found_empty() if bucket is not None else None

    def _bucket(self, who: str) -> Bucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            made = Bucket(f"limit:{self._kind}:{who}", self.limit, self._share)
            with self._lock:
                if len(self._buckets) >= MOST:
                    del self._buckets[next(iter(self._buckets))]  # the oldest
                bucket = self._buckets.setdefault(who, made)
        return bucket
