"""A steady load: as many orders in flight as asked, a new one whenever one ends."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from dex.localnet import genesis
from orders.models import TERMINAL, Order

SLIPPAGE_BPS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to be placed: mints, and an amount in base units."""

    mint_in: str
    mint_out: str
    amount_in: int
    slippage_bps: int = SLIPPAGE_BPS


# Places orders and returns the ids of those that were stored.
Place = Callable[[Sequence[Wish]], Sequence[UUID]]


class Wishes:
    """Random orders, the same for the same seed."""

    def __init__(self, in_flight: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._largest = largest_amounts(in_flight)

    def next(self) -> Wish:
        (mint_in, mint_out), largest = self._rng.choice(list(self._largest.items()))
        return Wish(mint_in, mint_out, self._rng.randint(largest // 100, largest))


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


def largest_amounts(in_flight: int) -> Mapping[tuple[str, str], int]:
    """Return the most to swap per pair of mints: reserve × slippage / (2 × orders).

    So that all orders in flight together, all on one pool that they quoted before any
    of them landed, still stay within their slippage.
    """
    largest: dict[tuple[str, str], int] = {}
    for pool in genesis.pools():
        base, quote = str(pool.base.mint), str(pool.quote.mint)
        for pair, reserve in (
            ((base, quote), pool.base_depth),
            ((quote, base), pool.quote_depth),
        ):
            most = reserve * SLIPPAGE_BPS // (10_000 * 2 * in_flight)
            largest[pair] = min(most, largest.get(pair, most))
    return largest
