"""The router: ask every venue at once, compare, choose; keep the losers for the record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string
from solders.pubkey import Pubkey

from .errors import NoRoute, QuoteRefused, RpcUnavailable
from .models import Pool, Token
from .solana.market import Market, PoolKey
from .types import Quote, Route, Snapshot, VenueAnswer
from .venues.base import Venue

logger = logging.getLogger(__name__)


def load_venues() -> dict[str, Venue]:
    """Make every venue that the settings name."""
    return {name: import_string(path)() for name, path in settings.VENUES.items()}


def pools_for(token_in: Token, token_out: Token) -> list[PoolKey]:
    """List the allowed pools of a pair: enabled ones of enabled tokens."""
    pair = Q(token_a=token_in, token_b=token_out) | Q(
        token_a=token_out, token_b=token_in
    )
    pools = Pool.objects.filter(
        pair, enabled=True, token_a__enabled=True, token_b__enabled=True
    )
    return [(pool.venue, Pubkey.from_string(pool.address)) for pool in pools]


async def find_route(
    pools: Collection[PoolKey],
    *,
    mint_in: Pubkey,
    mint_out: Pubkey,
    amount_in: int,
    market: Market,
    venues: Mapping[str, Venue],
    timeout_s: float,
    after: Snapshot | None = None,
    extra: Collection[Pubkey] = (),
) -> tuple[Route, Snapshot]:
    """Ask every venue for its quotes and choose the one that pays most.

    Returns the route with every answer, best first, and the snapshot of the best quote,
    which holds the accounts `extra` too. Each venue has `timeout_s`. Raises NoRoute with
    the refusals, RpcUnavailable when the chain cannot be read.
    """
    question = _Question(mint_in, mint_out, amount_in)
    readable = [pool for pool in pools if pool[0] in venues]

    async def ask(name: str, venue: Venue) -> _Reply:
        own = [address for venue_name, address in pools if venue_name == name]
        try:
            async with asyncio.timeout(timeout_s):
                # The same pools for every venue, so that all quote from one slot.
                snapshot = await market.snapshot(readable, extra=extra, after=after)
        except TimeoutError:
            reason = f"{name} did not quote within {timeout_s:g} s."
            return _Reply(
                [VenueAnswer(name, None, None, "venue_timeout", reason)], None
            )
        return _Reply(_quote_pools(name, venue, own, snapshot, question), snapshot)

    replies = await asyncio.gather(*(ask(*item) for item in venues.items()))
    return _choose(replies)


@dataclass(frozen=True, slots=True)
class _Question:
    mint_in: Pubkey
    mint_out: Pubkey
    amount_in: int


@dataclass(frozen=True, slots=True)
class _Reply:
    """One venue's answers, and the snapshot they were made from; None when too late."""

    answers: list[VenueAnswer]
    snapshot: Snapshot | None


def _quote_pools(
    name: str,
    venue: Venue,
    pools: Sequence[Pubkey],
    snapshot: Snapshot,
    question: _Question,
) -> list[VenueAnswer]:
    if not pools:
        reason = f"No pool of {name} for this pair is on the allow-list."
        return [VenueAnswer(name, None, None, "no_pool", reason)]
    return [_quote_pool(name, venue, pool, snapshot, question) for pool in pools]


def _quote_pool(
    name: str, venue: Venue, pool: Pubkey, snapshot: Snapshot, question: _Question
) -> VenueAnswer:
    try:
        quote = venue.quote(pool, snapshot, question.mint_in, question.amount_in)
    except QuoteRefused as refusal:
        return VenueAnswer(name, pool, None, refusal.code, refusal.reason)
    except Exception:
        # A pool that breaks the arithmetic must not keep the others from quoting.
        logger.exception("%s failed to quote pool %s", name, pool)
        reason = "The quote failed unexpectedly; the log of the process says more."
        return VenueAnswer(name, pool, None, "venue_error", reason)
    if quote.mint_out != question.mint_out:
        reason = f"The pool pays {quote.mint_out}, not {question.mint_out}."
        return VenueAnswer(name, pool, None, "wrong_pair", reason)
    return VenueAnswer(name, pool, quote)


def _choose(replies: Sequence[_Reply]) -> tuple[Route, Snapshot]:
    answers = [answer for reply in replies for answer in reply.answers]
    quoted = sorted(
        (
            (answer.quote, reply)
            for reply in replies
            for answer in reply.answers
            if answer.quote
        ),
        key=lambda pair: _rank(pair[0]),
    )
    refused = [answer for answer in answers if answer.quote is None]
    if not quoted:
        if answers and all(answer.code == "venue_timeout" for answer in answers):
            raise RpcUnavailable("No venue's pools could be read in time.")
        reasons = "; ".join(f"{answer.venue}: {answer.reason}" for answer in refused)
        raise NoRoute(f"No venue quotes this swap. {reasons}", tuple(refused))
    best, best_reply = quoted[0]
    assert best_reply.snapshot is not None, "a quote was made from a snapshot"
    losers = [_lost(quote, best) for quote, _ in quoted[1:]]
    winner = VenueAnswer(best.venue, best.pool, best)
    return Route(best, (winner, *losers, *refused)), best_reply.snapshot


def _rank(quote: Quote) -> tuple[int, int, str, str]:
    """Order quotes, best first: by what arrives, then by price impact.

    Every route costs the same network and priority fee today. Where that ends, it is
    subtracted from the output here.
    """
    return (-quote.amount_out, quote.price_impact_bps, quote.venue, str(quote.pool))


def _lost(quote: Quote, best: Quote) -> VenueAnswer:
    difference = best.amount_out - quote.amount_out
    if difference:
        # Hundredths of a percent: base units mean little to people.
        bps = difference * 10_000 // best.amount_out
        share = f"{bps // 100}.{bps % 100:02d} %" if bps else "under 0.01 %"
        reason = f"Pays {share} less than {best.venue}."
        return VenueAnswer(quote.venue, quote.pool, quote, "lower_output", reason)
    reason = f"Pays the same as {best.venue}, which came first."
    return VenueAnswer(quote.venue, quote.pool, quote, "equal_output", reason)
