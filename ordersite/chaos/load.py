"""A steady load: as many orders in flight as asked, a new one whenever one ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from orders.models import TERMINAL, Order
from ordersite.wishes import Wish, Wishes

# Places orders and returns the ids of those that were stored.
Place = Callable[[Sequence[Wish]], Sequence[UUID]]


class Load:
    """Places random orders, repeatable by the seed as far as their order of ends is."""

    def __init__(self, place: Place, *, in_flight: int, seed: int) -> None:
        # By order id: the phase in which it was placed.
        self.placed: dict[UUID, str] = {}
        self.refused: Counter[str] = Counter()
        self._place = place
        self._in_flight = in_flight
        self._open: set[UUID] = set()
        self._wishes = Wishes(in_flight, seed)

    @property
    def asked_for(self) -> int:
        """How many orders were asked for, those included that were refused."""
        return len(self.placed) + self.refused.total()

    def step(self, phase: str) -> int:
        """Place a new order for each that has closed; return how many had not."""
        left = self.open_orders()
        wishes = [self._wishes.next() for _ in range(self._in_flight - left)]
        if wishes:
            placed = self._place(wishes)
            self.placed.update(dict.fromkeys(placed, phase))
            self._open.update(placed)
            # They are asked for again at the next step.
            self.refused[phase] += len(wishes) - len(placed)
        return left

    def finish(self, phase: str) -> None:
        """Leave it at that: how many are placed depends on how many end."""

    def open_orders(self) -> int:
        """Return how many of the placed orders have not ended yet."""
        ended = Order.objects.filter(id__in=self._open, status__in=TERMINAL)
        try:
            self._open -= set(ended.values_list("id", flat=True))
        except (OperationalError, InterfaceError):
            connection.close()  # PostgreSQL is just restarted: asked again soon
        return len(self._open)
