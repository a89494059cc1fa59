"""Random orders for runs of many: how large each may be, and how it is asked for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dex.amounts import to_whole
from dex.localnet import genesis

SLIPPAGE_BPS = 100
DECIMALS = {str(token.mint): token.decimals for token in genesis.TOKENS.values()}


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to be placed: mints, and an amount in base units."""

    mint_in: str
    mint_out: str
    amount_in: int
    slippage_bps: int = SLIPPAGE_BPS


class Wishes:
    """Random orders, the same for the same seed."""

    def __init__(self, in_flight: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._largest = largest_amounts(in_flight)

    def next(self) -> Wish:
        (mint_in, mint_out), largest = self._rng.choice(list(self._largest.items()))
        return Wish(mint_in, mint_out, self._rng.randint(largest // 100, largest))


def order_body(wish: Wish) -> dict[str, Any]:
    """Write a wish as the API takes it."""
    return {
        "type": "market",
        "tokenIn": wish.mint_in,
        "tokenOut": wish.mint_out,
        "amountIn": to_whole(wish.amount_in, DECIMALS[wish.mint_in]),
        "slippage": str(Decimal(wish.slippage_bps).scaleb(-4)),
    }


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
