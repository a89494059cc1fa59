"""A load of so many orders in all, spread over the run in small bursts."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from ordersite.wishes import Wishes

from .clients import Clients
from .ticket import Ticket

# All are placed a little before the last fault ends.
SHARE_OF_RUN = 0.97
# So many may be in flight when nothing goes on for a while.
MOST_IN_FLIGHT = 300
# So many at once, at random: a holder that is killed should hold some.
BURST = (1, 20)


class PacedLoad:
    """Has clients place orders at a steady pace, whatever becomes of those before."""

    def __init__(self, clients: Clients, *, total: int, seconds: float, seed: int):
        self.refused: Counter[str] = Counter()
        self._clients = clients
        self._total = total
        self._pace = total / (seconds * SHARE_OF_RUN)  # per second
        self._wishes = Wishes(min(total, MOST_IN_FLIGHT), seed)
        self._rng = random.Random(f"bursts:{seed}")
        self._burst = 1
        self._began: float | None = None

    @property
    def placed(self) -> Mapping[UUID, str]:
        """The orders that were answered, with the phase in which they were asked for."""
        return {
            ticket.order_id: ticket.phase
            for ticket in self._clients.tickets
            if ticket.order_id is not None
        }

    @property
    def asked_for(self) -> int:
        """How many orders were asked for, answered or not."""
        return len(self._clients.tickets)

    def step(self, phase: str) -> int:
        """Place what is due by now; return how many had not ended."""
        if self._began is None:
            self._began = time.monotonic()
        left = self.open_orders()
        due = min(int((time.monotonic() - self._began) * self._pace) + 1, self._total)
        if due - len(self._clients.tickets) >= self._burst or due == self._total:
            self._place(due, phase)
            self._burst = self._rng.randint(*BURST)
        return left

    def finish(self, phase: str) -> None:
        """Place the rest: on a busy machine the last step may come too early for it."""
        self._place(self._total, phase)

    def _place(self, due: int, phase: str) -> None:
        missing = due - len(self._clients.tickets)
        self._clients.place(
            [Ticket(self._wishes.next(), phase) for _ in range(missing)]
        )

    def open_orders(self) -> int:
        """Return how many of those placed have not ended, as their clients know it."""
        return self._clients.unfinished()
