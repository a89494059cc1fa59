"""The orders of a run, and how large they may be."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from dex.amounts import to_whole
from dex.localnet import genesis
from ordersite.wishes import DECIMALS, Wish, largest_amounts, order_body

from .plan import Plan

# Drawn once and sent again and again: making them must cost the generator nothing.
BODIES = 200
SYMBOLS = {str(token.mint): token.symbol for token in genesis.TOKENS.values()}


def largest(plan: Plan) -> Mapping[tuple[str, str], int]:
    """Return the most to swap by pair of mints, in base units: see `largest_amounts`.

    All orders of a run count as if they were in flight together, those of the warm-up
    too. Only localnet has these mints, so no run trades on a real chain.
    """
    found = largest_amounts(max(plan.orders + plan.warmup, 1))
    if plan.all_pairs:
        return found
    a, b = str(genesis.TOKENS["A"].mint), str(genesis.TOKENS["B"].mint)
    return {pair: found[pair] for pair in ((a, b), (b, a))}


def bodies(plan: Plan) -> list[str]:
    """Write orders of half the largest amount to all of it, over all pairs in turn."""
    rng = random.Random(f"orders:{plan.seed}")
    pairs = list(largest(plan).items())
    wishes = []
    for number in range(BODIES):
        (mint_in, mint_out), most = pairs[number % len(pairs)]
        wishes.append(Wish(mint_in, mint_out, rng.randint(most // 2, most)))
    return [json.dumps(order_body(wish)) for wish in wishes]


def shown(plan: Plan) -> Mapping[str, str]:
    """Return the largest amounts for people: by pair of symbols, in whole tokens."""
    return {
        f"{SYMBOLS[mint_in]}→{SYMBOLS[mint_out]}": to_whole(most, DECIMALS[mint_in])
        for (mint_in, mint_out), most in largest(plan).items()
    }
