"""What takes long to find out and is asked for by anybody: found once, told to all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """What `look` found within `fresh_s`. Only one thread looks at a time.

    Meanwhile the others are told what was found before, if that is not older than a look
    may take as well (`look_s`), so that a slow look does not hold up all threads.
    """

    def __init__(self, look: Callable[[], T], fresh_s: float, look_s: float) -> None:
        self._look = look
        self._fresh_s = fresh_s
        self._look_s = look_s
        self._looking = threading.Lock()
        self._found: tuple[float, T] | None = None

    def found(self) -> T:
        """Return what was found lately, looking again if need be."""
        known = self._within(self._fresh_s)
        if known is not None:
            return known[1]
        before = self._within(self._fresh_s + self._look_s)
        if not self._looking.acquire(blocking=before is None):
            assert before is not None
            return before[1]
        try:
            known = self._within(self._fresh_s)  # another one has looked meanwhile
            if known is None:
                known = self._found = time.monotonic(), self._look()
            return known[1]
        finally:
            self._looking.release()

    def forget(self) -> None:
        """Look again at the next question; for tests."""
        self._found = None

    def _within(self, seconds: float) -> tuple[float, T] | None:
        found = self._found
        if found is None or time.monotonic() - found[0] >= seconds:
            return None
        return found
