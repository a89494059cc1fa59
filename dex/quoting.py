"""From one snapshot to a route: quote every pool, judge each quote, choose. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from solders.pubkey import Pubkey

from .costs import PRICED_LAMPORTS, SolPrice, network_costs, sol_price
from .errors import NoRoute, PriceImpactTooHigh, QuoteRefused
from .pending import PendingSwaps
from .ranking import ImpactLimit, limit_impact, ranked
from .solana.addresses import WRAPPED_SOL_MINT
from .solana.market import PoolKey
from .types import Quote, Route, Snapshot, VenueAnswer
from .venues.base import Venue

logger = logging.getLogger(__name__)

# Refusals that the same amount would meet again: as lasting as its price impact.
LASTING = {
    "no_liquidity",
    "no_pool",
    "quote_mismatch",
    "token_unsafe",
    "too_many_bins",
    "wrong_pair",
}


@dataclass(frozen=True, slots=True)
class Swap:
    """What is to be swapped, and for what. `amount_in` in base units."""

    mint_in: Pubkey
    mint_out: Pubkey
    amount_in: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The swap that a route is wanted for, and what decides between its quotes.

    `sol_pools` price the network's costs in the output token; `unit_price` is in
    micro-lamports. `account_out` is the wallet's account that receives: its rent is part
    of the costs when it does not exist, and is not known while it is None. `refuted` are
    the answers of venues that must not be asked.
    """

    swap: Swap
    pools: Collection[PoolKey]
    max_price_impact: ImpactLimit
    sol_pools: Collection[PoolKey] = ()
    unit_price: int = 0
    account_out: Pubkey | None = None
    refuted: tuple[VenueAnswer, ...] = ()


def choose_route(
    wanted: Wanted,
    snapshot: Snapshot,
    venues: Mapping[str, Venue],
    pending: PendingSwaps | None,
) -> Route:
    """Return the best route with every answer; raises NoRoute, PriceImpactTooHigh."""
    answers = [*_Round(wanted, snapshot, venues, pending).answers(), *wanted.refuted]
    quoted = [answer for answer in answers if not answer.code]
    refused = [answer for answer in answers if answer.code]
    if not quoted:
        raise _no_route(refused, wanted.max_price_impact)
    best, *losers = ranked(quoted)
    assert best.quote is not None, "what has no code has a quote"
    assert best.raw_quote is not None, "what has no code has a quote"
    return Route(best.quote, best.raw_quote, (best, *losers, *refused))


class _Said(NamedTuple):
    """What a venue says of one pool: a quote, or why there is none."""

    quote: Quote | None
    code: str = ""
    reason: str = ""


class _Round:
    """All answers for one swap from one snapshot."""

    def __init__(
        self,
        wanted: Wanted,
        snapshot: Snapshot,
        venues: Mapping[str, Venue],
        pending: PendingSwaps | None,
    ) -> None:
        self._wanted = wanted
        self._raw = snapshot
        self._venues = venues
        self._pools = [pool for pool in wanted.pools if pool[0] in venues]
        self._pending = pending

    def answers(self) -> Iterator[VenueAnswer]:
        price = self._sol_price()
        for name in self._venues:
            own = [pool for pool in self._pools if pool[0] == name]
            if not own:
                reason = f"No pool of {name} for this pair is on the allow-list (allowed_pools)."
                yield VenueAnswer(name, None, None, "no_pool", reason)
            for pool in own:
                yield self._answer(pool, price)

    def _answer(self, pool: PoolKey, price: SolPrice | None) -> VenueAnswer:
        """Quote a pool as it was read and, where swaps are under way, as it will be.

        Add what the swap costs; refuse it when it moves the price too far.
        """
        seen, applied = self._expected(pool)
        raw = said = self._quote(pool, self._raw, self._wanted.swap)
        if raw.quote is None:
            return VenueAnswer(*pool, None, raw.code, raw.reason)
        if applied:
            said = self._quote(pool, seen, self._wanted.swap)
        quote, code, reason = said
        if quote is None:
            reason = f"Once {applied} swaps under way have landed: {reason}"
            return VenueAnswer(*pool, None, code, reason, raw.quote, applied)
        costs = network_costs(
            quote,
            self._raw.accounts,
            account_out=self._wanted.account_out,
            unit_price=self._wanted.unit_price,
            price=price,
        )
        answer = VenueAnswer(*pool, quote, code, reason, raw.quote, applied, costs)
        return limit_impact(answer, self._wanted.max_price_impact)

    def _expected(self, pool: PoolKey) -> tuple[Snapshot, int]:
        """Return a pool as it will be, and how many swaps under way that counts in."""
        if self._pending is None:
            return self._raw, 0
        seen = self._pending.applied_to(self._raw, [pool])
        return seen, self._pending.applied_in(pool)

    def _sol_price(self) -> SolPrice | None:
        """Price SOL once for all orders that one snapshot pays in the same token."""
        mint_out = self._wanted.swap.mint_out
        pools = [pool for pool in self._wanted.sol_pools if pool[0] in self._venues]
        key = SolPrice, mint_out, *pools
        if key not in self._raw.decoded:
            sold = Swap(WRAPPED_SOL_MINT, mint_out, PRICED_LAMPORTS)
            quotes = (self._quote(pool, self._raw, sold).quote for pool in pools)
            self._raw.decoded[key] = sol_price(mint_out, filter(None, quotes))
        price: SolPrice | None = self._raw.decoded[key]
        return price

    def _quote(self, pool: PoolKey, snapshot: Snapshot, swap: Swap) -> _Said:
        name, address = pool
        try:
            quote = self._venues[name].quote(
                address, snapshot, swap.mint_in, swap.amount_in
            )
        except QuoteRefused as refusal:
            return _Said(None, refusal.code, refusal.reason)
        except Exception:
            # A pool that breaks the arithmetic must not keep the others from quoting.
            logger.exception("%s failed to quote pool %s", name, address)
            reason = "The quote failed unexpectedly; the log of the process says more."
            return _Said(None, "venue_error", reason)
        if quote.mint_out != swap.mint_out:
            reason = f"The pool pays {quote.mint_out}, not {swap.mint_out}."
            return _Said(None, "wrong_pair", reason)
        return _Said(quote)


def _no_route(refused: list[VenueAnswer], limit: ImpactLimit) -> NoRoute:
    """Say what each venue said.

    A limit that only swaps under way break is no end, nor is one beside a pool that may
    quote a moment later.
    """
    reasons = " ".join(f"{answer.venue}: {answer.reason}" for answer in refused)
    quoted = [answer.raw_quote for answer in refused if answer.raw_quote is not None]
    others = [answer.code for answer in refused if answer.raw_quote is None]
    if (
        quoted
        and all(limit.objection(quote.price_impact_bps) for quote in quoted)
        and LASTING.issuperset(others)
    ):
        return PriceImpactTooHigh(
            f"No pool makes this swap within the limit. {reasons}", tuple(refused)
        )
    return NoRoute(f"No venue quotes this swap. {reasons}", tuple(refused))
