"""How many connections each web process has open, in memory that all of them share.

A connection stays where it was accepted: a client sends all its requests over one, and a
socket lasts as long as its order. So what comes at once must be shared out when it is
accepted, or some clients wait in a long line while another process idles.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Self

from orders.shared_memory import map_memory

VARIABLE = "WEB_TALLY"  # "descriptor:place", for a process that shares its socket
BYTES_EACH = 4  # of one count


class Tally:
    """The counts of all processes, of which each changes its own alone."""

    def __init__(self, memory: mmap.mmap, place: int) -> None:
        self._counts = memoryview(memory).cast("I")
        self._place = place
        self._counts[place] = 0  # what a killed predecessor had is closed

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return that of the processes that share a socket; one of its own otherwise."""
        return cls(*map_memory(environment, VARIABLE, BYTES_EACH))

    @property
    def mine(self) -> int:
        return self._counts[self._place]

    def opened(self) -> None:
        self._counts[self._place] += 1

    def closed(self) -> None:
        self._counts[self._place] -= 1

    def is_above_another(self) -> bool:
        """Say whether a process has fewer, so that the next one is better taken there."""
        return self.mine > min(self._counts)
