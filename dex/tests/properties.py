"""Properties that hold for every pool: short in `make test`, long in `make prove`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Account, Quote, Snapshot
from dex.venues.base import Venue

SHORT, LONG = 40, 4_000
EACH_LENGTH = pytest.mark.parametrize(
    "examples", [SHORT, pytest.param(LONG, marks=pytest.mark.prove)]
)


def for_all(
    examples: int, **strategies: SearchStrategy[Any]
) -> Callable[[Callable[..., None]], None]:
    """Run a check at once on so many examples, always the same ones."""

    def run(check: Callable[..., None]) -> None:
        settings(
            derandomize=True,
            deadline=None,
            max_examples=examples,
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )(given(**strategies)(check))()

    return run


class Trader:
    """Swaps on one pool: each swap finds what the one before left."""

    def __init__(self, venue: Venue, pool: Pubkey, at: Snapshot) -> None:
        self.venue, self.pool, self.at = venue, pool, at

    def quote(self, mint_in: Pubkey, amount_in: int) -> Quote | None:
        """Return a quote; None where the program would refuse."""
        try:
            return self.venue.quote(self.pool, self.at, mint_in, amount_in)
        except QuoteRefused:
            return None

    def amount_out(self, mint_in: Pubkey, amount_in: int) -> int:
        """Return what a swap pays; 0 where the program would refuse."""
        quote = self.quote(mint_in, amount_in)
        return 0 if quote is None else quote.amount_out

    def after(self, quote: Quote) -> Trader | None:
        """Return the trader after a swap; None where its state is not known."""
        try:
            changed = self.venue.after_swap(quote, self.at)
        except QuoteRefused:
            return None
        accounts: dict[Pubkey, Account | None] = {**self.at.accounts, **changed}
        at = Snapshot(self.at.slot, self.at.clock, accounts)
        return Trader(self.venue, self.pool, at)
