"""From one snapshot to a route: quote every pool, judge each quote, choose. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from solders.pubkey import Pubkey

from .costs import PRICED_LAMPORTS, SolPrice, network_costs, sol_price
from .errors import NoRoute, PriceImpactTooHigh, QuoteRefused
from .pending import PendingSwaps
from .ranking import ImpactLimit, limit_impact, ranked
from .solana.addresses import WRAPPED_SOL_MINT
from .solana.market import PoolKey
from .types import Route, Snapshot, VenueAnswer
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
        self._expected = snapshot
        if pending is not None:
            self._expected = pending.applied_to(snapshot, self._pools)

    def answers(self) -> Iterator[VenueAnswer]:
        price = self._sol_price()
        for name in self._venues:
            own = [pool for pool in self._pools if pool[0] == name]
            if not own:
                reason = f"No pool of {name} for this pair is on the allow-list."
                yield VenueAnswer(name, None, None, "no_pool", reason)
            for pool in own:
                yield self._judged(self._answer(pool), price)

    def _answer(self, pool: PoolKey) -> VenueAnswer:
        """Quote a pool as it was read and, where swaps are under way, as it will be."""
        raw = self._quote(pool, self._raw, self._wanted.swap)
        applied = self._pending.applied_in(pool) if self._pending else 0
        if raw.quote is None or not applied:
            return replace(raw, raw_quote=raw.quote)
        expected = self._quote(pool, self._expected, self._wanted.swap)
        if expected.quote is None:
            reason = f"Once {applied} swaps under way have landed: {expected.reason}"
            expected = replace(expected, reason=reason)
        return replace(expected, raw_quote=raw.quote, pending_swaps=applied)

    def _judged(self, answer: VenueAnswer, price: SolPrice | None) -> VenueAnswer:
        """Add what a quote's swap costs; refuse it when it moves the price too far."""
        if answer.quote is None:
            return answer
        costs = network_costs(
            answer.quote,
            self._raw.accounts,
            account_out=self._wanted.account_out,
            unit_price=self._wanted.unit_price,
            price=price,
        )
        return limit_impact(replace(answer, costs=costs), self._wanted.max_price_impact)

    def _sol_price(self) -> SolPrice | None:
        mint_out = self._wanted.swap.mint_out
        sold = Swap(WRAPPED_SOL_MINT, mint_out, PRICED_LAMPORTS)
        pools = (pool for pool in self._wanted.sol_pools if pool[0] in self._venues)
        quotes = (self._quote(pool, self._raw, sold).quote for pool in pools)
        return sol_price(mint_out, filter(None, quotes))

    def _quote(self, pool: PoolKey, snapshot: Snapshot, swap: Swap) -> VenueAnswer:
        name, address = pool
        try:
            quote = self._venues[name].quote(
                address, snapshot, swap.mint_in, swap.amount_in
            )
        except QuoteRefused as refusal:
            return VenueAnswer(name, address, None, refusal.code, refusal.reason)
        except Exception:
            # A pool that breaks the arithmetic must not keep the others from quoting.
            logger.exception("%s failed to quote pool %s", name, address)
            reason = "The quote failed unexpectedly; the log of the process says more."
            return VenueAnswer(name, address, None, "venue_error", reason)
        if quote.mint_out != swap.mint_out:
            reason = f"The pool pays {quote.mint_out}, not {swap.mint_out}."
            return VenueAnswer(name, address, None, "wrong_pair", reason)
        return VenueAnswer(name, address, quote)


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
