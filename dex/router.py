"""The router: ask every venue at once, compare, choose; keep the losers for the record."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string
from solders.pubkey import Pubkey

from .errors import RpcUnavailable
from .models import Token
from .pending import PendingSwaps
from .quoting import Swap, Wanted, choose_route
from .ranking import ImpactLimit
from .solana.addresses import WRAPPED_SOL_MINT, associated_token_address
from .solana.market import Market, PoolKey
from .types import Route, Snapshot
from .venues.base import Venue

# Every batch of orders asks this. To put it together takes the ORM longer than to send it.
ALLOWED_POOLS = """
    SELECT token_a.mint, token_b.mint, venue, address FROM dex_pool
    JOIN dex_token AS token_a ON token_a.id = token_a_id
    JOIN dex_token AS token_b ON token_b.id = token_b_id
    WHERE dex_pool.enabled AND token_a.enabled AND token_b.enabled
      AND token_a.mint = ANY(%s) AND token_b.mint = ANY(%s)
    ORDER BY venue, address
"""

Pair = tuple[Token, Token]  # what is paid in, and what is paid out


def load_venues() -> dict[str, Venue]:
    """Make every venue that the settings name."""
    return {name: import_string(path)() for name, path in settings.VENUES.items()}


@dataclass(frozen=True, slots=True)
class AllowedPools:
    """What the allow-list holds for a pair, and to price SOL in what the pair pays."""

    of_pair: list[PoolKey]
    of_sol: list[PoolKey]  # none for SOL itself


def allowed_pools(token_in: Token, token_out: Token) -> AllowedPools:
    """Read the allowed pools of a pair: enabled ones of enabled tokens."""
    return allowed_pools_of([(token_in, token_out)])[token_in, token_out]


def allowed_pools_of(pairs: Collection[Pair]) -> dict[Pair, AllowedPools]:
    """Read the allowed pools of many pairs in one query."""
    sol = str(WRAPPED_SOL_MINT)
    mints = list({sol, *(token.mint for pair in pairs for token in pair)})
    with connection.cursor() as cursor:
        cursor.execute(ALLOWED_POOLS, [mints, mints])
        pools = cursor.fetchall()
    by_mints: dict[frozenset[str], list[PoolKey]] = defaultdict(list)
    for mint_a, mint_b, venue, address in pools:
        key = (venue, Pubkey.from_string(address))
        by_mints[frozenset((mint_a, mint_b))].append(key)
    return {
        (token_in, token_out): AllowedPools(
            by_mints[frozenset((token_in.mint, token_out.mint))],
            by_mints[frozenset((sol, token_out.mint))],
        )
        for token_in, token_out in pairs
    }


def impact_limit(max_price_impact_bps: int | None) -> ImpactLimit:
    """Return the stricter of an order's own limit and that of the settings."""
    policy_bps = settings.MAX_PRICE_IMPACT_BPS
    if max_price_impact_bps is None or max_price_impact_bps > policy_bps:
        return ImpactLimit(policy_bps, "this installation's limit (MAX_PRICE_IMPACT)")
    return ImpactLimit(max_price_impact_bps, "the order's limit (maxPriceImpact)")


def wanted_swap(
    token_in: Token,
    token_out: Token,
    amount_in: int,
    *,
    pools: AllowedPools,
    wallet: Pubkey | None,
    max_price_impact_bps: int | None,
    unit_price: int,
) -> Wanted:
    """Say what a route for this swap needs.

    `amount_in` in base units, `unit_price` in micro-lamports per compute unit.
    """
    mint_in, mint_out = (Pubkey.from_string(t.mint) for t in (token_in, token_out))
    program_out = Pubkey.from_string(token_out.token_program)
    return Wanted(
        swap=Swap(mint_in, mint_out, amount_in),
        pools=pools.of_pair,
        max_price_impact=impact_limit(max_price_impact_bps),
        sol_pools=pools.of_sol,
        unit_price=unit_price,
        account_out=(
            associated_token_address(wallet, mint_out, program_out) if wallet else None
        ),
    )


async def find_route(
    wanted: Wanted,
    *,
    market: Market,
    venues: Mapping[str, Venue],
    timeout_s: float,
    pending: PendingSwaps | None = None,
) -> tuple[Route, Snapshot]:
    """Read all pools at one slot within `timeout_s`, quote each, and choose the best.

    Returns the route and the snapshot as it was read, which holds `account_out` too;
    `pending` swaps count for the route alone. Nothing is awaited after the reading: who
    reserves the route's swap at once does so before the next order chooses. Raises
    NoRoute with the refusals, PriceImpactTooHigh, RpcUnavailable when the chain cannot
    be read.
    """
    pools = dict.fromkeys((*wanted.pools, *wanted.sol_pools))
    try:
        async with asyncio.timeout(timeout_s):
            snapshot = await market.snapshot(
                [pool for pool in pools if pool[0] in venues],
                extra=[wanted.account_out] if wanted.account_out else [],
            )
    except TimeoutError as error:
        reason = f"The pools could not be read in time: it took over {timeout_s:g} s."
        raise RpcUnavailable(reason) from error
    return choose_route(wanted, snapshot, venues, pending), snapshot
