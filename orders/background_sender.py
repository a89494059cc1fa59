"""Sends hints behind the back of those who give them: nobody waits for Redis."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sized
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

Hint = TypeVar("Hint")
Batch = TypeVar("Batch", bound=Sized)


class BackgroundSender(ABC, Generic[Hint, Batch]):
    """Has one run of sending at a time, which goes on until nothing is waiting.

    Hints that come while it is busy share its next round trip. `lost` counts those that
    could not be sent.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._lock = threading.Lock()
        self._sending: Future[None] | None = None

    @abstractmethod
    def _begin(self) -> Future[None]:
        """Begin to send elsewhere what _take() returns, until that is empty."""

    @abstractmethod
    def _put(self, hint: Hint) -> bool:
        """Let a hint wait, with the lock held; False when too many are waiting."""

    @abstractmethod
    def _next_batch(self) -> Batch:
        """Remove and return what is sent together, with the lock held."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until every hint is sent or counted as lost; False: not in time."""
        with self._lock:
            sending = self._sending
        if sending is not None:
            wait([sending], timeout_s)
        return sending is None or sending.done()

    def _add(self, hint: Hint) -> bool:
        """Send a hint soon; False when too many are waiting."""
        with self._lock:
            is_waiting = self._put(hint)
            if is_waiting and self._sending is None:
                self._sending = self._begin()
            return is_waiting

    def _take(self) -> Batch:
        with self._lock:
            batch = self._next_batch()
            if not batch:
                self._sending = None
            return batch
