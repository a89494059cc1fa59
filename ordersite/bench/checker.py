"""Every event of every order: exactly once, in order, legal, the last one terminal."""

from __future__ import annotations

from dataclasses import dataclass

from orders.statuses import TERMINAL, TRANSITIONS, Status


@dataclass(slots=True)
class Counts:
    """What was heard, and what was wrong with it."""

    events: int = 0
    missed: int = 0
    repeated: int = 0
    reordered: int = 0
    illegal: int = 0

    @property
    def wrong(self) -> int:
        return self.missed + self.repeated + self.reordered + self.illegal


class History:
    """The events of one order, in the order in which they come."""

    __slots__ = ("_counts", "_highest", "_statuses")

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._statuses: dict[int, str] = {}
        self._highest = 0

    def take(self, sequence: int, status: str) -> None:
        """Note an event; one that came before, or late, counts at once."""
        self._counts.events += 1
        if sequence in self._statuses:
            self._counts.repeated += 1
            return
        self._statuses[sequence] = status
        if sequence > self._highest:
            self._highest = sequence
        else:
            self._counts.reordered += 1

    @property
    def last_status(self) -> str:
        """The status of the highest event so far; "" before the first."""
        return self._statuses.get(self._highest, "")

    def finish(self) -> None:
        """Count what is missing, and each move that is not allowed."""
        self._counts.missed += self._highest - len(self._statuses)
        if self.last_status not in TERMINAL:
            self._counts.missed += 1  # the end itself, at least
        before: Status | None = None
        for sequence in range(1, self._highest + 1):
            status = self._statuses.get(sequence)
            if status is not None and (sequence == 1 or before is not None):
                self._counts.illegal += not _is_legal(before, status)
            before = Status(status) if status in TRANSITIONS else None


def _is_legal(before: Status | None, status: str) -> bool:
    if before is None:
        return status == Status.PENDING
    return status in TRANSITIONS[before]
