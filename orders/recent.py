"""Rows that every order needs and that hardly ever change, read once a second at most.

What an operator changes therefore counts for new orders after a second, in every process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEEP_S = 1.0
MOST = 1_000  # keys; clients choose them


class Recent(Generic[K, V]):
    """Remembers what was read for each key, from any thread, for KEEP_S or less.

    Half as long again while one thread reads it anew, so that not all do at once.
    """

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._kept: dict[K, tuple[float, V]] = {}
        self._reading: set[K] = set()
        _all.add(self)

    def get(self, key: K, read: Callable[[], V]) -> V:
        """Return what `read` returned within KEEP_S, else what it returns now.

        Nothing found is never remembered: what is new is there at once.
        """
        now = time.monotonic()
        kept = self.peek(key)
        if kept is not None:
            return kept
        self._reading.add(key)
        try:
            found = read()
        finally:
            self._reading.discard(key)
        if found:
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[key] = (now, found)
        else:
            self._kept.pop(key, None)
        return found

    def peek(self, key: K) -> V | None:
        """Return what is remembered, without reading anything; None for nothing.

        While one thread reads it again the others need not, for half as long again.
        """
        kept = self._kept.get(key)
        keep_s = min(self._keep_s, KEEP_S)
        if key in self._reading:
            keep_s *= 1.5
        if kept is None or time.monotonic() - kept[0] >= keep_s:
            return None
        return kept[1]

    def last(self, key: K) -> V | None:
        """Return what was found last, however long ago: a hint, and no more."""
        kept = self._kept.get(key)
        return kept[1] if kept else None

    def forget(self) -> None:
        self._kept.clear()


_all: WeakSet[Recent[Any, Any]] = WeakSet()


def forget_all() -> None:
    """Read everything again at its next use; for tests, whose rows come and go."""
    for recent in _all:
        recent.forget()
