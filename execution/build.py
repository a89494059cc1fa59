"""From a route to a signed transaction: compose, simulate, compare, sign.

Nothing here is sent and nothing is saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.agreement import are_equal, pays_as_quoted
from dex.costs import MAX_UNIT_LIMIT, unit_limit
from dex.errors import PriceImpactTooHigh, QuoteRefused, RpcUnavailable
from dex.ranking import ImpactLimit
from dex.solana.addresses import associated_token_address
from dex.solana.cluster import Cluster
from dex.solana.transactions import compose_swap
from dex.types import (
    Blockhash,
    Quote,
    SignedTransaction,
    Simulation,
    Snapshot,
    VenueAnswer,
)
from dex.venues.base import Venue

from .failures import AttemptFailed, Failure, VenueMismatch

REQUOTES = 3
# About five slots. An order may have waited since its route was chosen; an older reading
# of the pool seldom agrees with the simulation, and reading again is shared with others.
MAX_SNAPSHOT_AGE_S = 2.0
# A transaction has the life of its blockhash left, about a minute, to land in.
MAX_BLOCKHASH_AGE_S = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A quote, the snapshot it was made from, and the limits it must keep to.

    The quote is of the accounts as they were read. `expected` is what the order was told
    it would get, with the swaps under way counted in. Both in base units, as `floor`.
    """

    quote: Quote
    snapshot: Snapshot
    floor: int  # min_amount_out of the order
    expected: int
    max_price_impact: ImpactLimit


class TransactionBuilder:
    """Builds the one transaction of an attempt for one wallet."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        wallet: Pubkey,
        venues: Mapping[str, Venue],
        sign: Callable[[MessageV0, int], Awaitable[SignedTransaction]],
        unit_price: int,
    ) -> None:
        self._cluster = cluster
        self._wallet = wallet
        self._venues = venues
        self._sign_message = sign
        self._unit_price = unit_price

    async def build(self, plan: Plan, memo: str) -> tuple[Plan, SignedTransaction]:
        """Sign a swap whose simulation agreed with its quote.

        Returns the plan as it was signed: when the pool had changed it was quoted again.
        Raises AttemptFailed, QuoteRefused, RpcError, TradingHalted.
        """
        if _now() - plan.snapshot.read_at > MAX_SNAPSHOT_AGE_S:
            plan = self._requote(plan, await self._read(plan, plan.snapshot.slot))
        plan, simulation = await self._agreed(plan, memo)
        limit = unit_limit(simulation.units_consumed)
        return plan, await self._sign(plan, memo, limit)

    async def _agreed(self, plan: Plan, memo: str) -> tuple[Plan, Simulation]:
        for requotes in range(REQUOTES + 1):
            blockhash = await self._cluster.latest_blockhash()
            simulation = await self._simulate(plan, memo, blockhash)
            if pays_as_quoted(plan.quote, plan.snapshot, simulation):
                break
            moved = self._as_seen(plan, simulation)
            if moved is not None:
                return moved, simulation
            if requotes == REQUOTES:
                break  # the pool moves faster than we read: the floor protects
            plan = await self._quote_again(plan, simulation.slot)
        return plan, simulation

    async def _sign(self, plan: Plan, memo: str, limit: int) -> SignedTransaction:
        # That of the simulation may be older by now.
        blockhash = await self._cluster.latest_blockhash()
        message = self._compose(plan, memo, blockhash, limit)
        signed = await self._sign_message(message, blockhash.last_valid_block_height)
        if _now() - blockhash.read_at > MAX_BLOCKHASH_AGE_S:
            # The signer reads the database. Nothing is saved or sent of this signature.
            raise RpcUnavailable("Signing took so long that the blockhash grew old.")
        return signed

    def _compose(
        self, plan: Plan, memo: str, blockhash: Blockhash, limit: int
    ) -> MessageV0:
        return compose_swap(
            self._venues[plan.quote.venue],
            plan.quote,
            plan.snapshot,
            wallet=self._wallet,
            memo=memo,
            min_amount_out=plan.floor,
            blockhash=blockhash.blockhash,
            unit_limit=limit,
            unit_price=self._unit_price,
        )

    async def _simulate(
        self, plan: Plan, memo: str, blockhash: Blockhash
    ) -> Simulation:
        quote = plan.quote
        simulation = await self._cluster.simulate(
            self._compose(plan, memo, blockhash, MAX_UNIT_LIMIT),
            [quote.vault_in, quote.vault_out],
            # A node that is behind would know neither the pool as quoted nor the hash.
            min_context_slot=max(plan.snapshot.slot, blockhash.slot),
            pool=(quote.venue, quote.pool),
            extra=[self._account_out(quote)],
        )
        if simulation.error_code:
            raise AttemptFailed(
                Failure(
                    simulation.error_code,
                    simulation.error,
                    simulation.retryable,
                    simulation.program,
                    simulation.name,
                )
            )
        return simulation

    async def _read(
        self, plan: Plan, slot: int, *, after: Snapshot | None = None
    ) -> Snapshot:
        """Read the pool again, at `slot` or later."""
        quote = plan.quote
        return await self._cluster.market.snapshot(
            [(quote.venue, quote.pool)],
            extra=[self._account_out(quote)],
            after=after,
            min_context_slot=slot,
        )

    def _account_out(self, quote: Quote) -> Pubkey:
        return associated_token_address(
            self._wallet, quote.mint_out, quote.token_program_out
        )

    def _as_seen(self, plan: Plan, simulation: Simulation) -> Plan | None:
        """Quote from the accounts that came with a simulation of this very transaction.

        None where they do not explain what it paid, or it would be another transaction.
        """
        if simulation.seen is None:
            return None
        quote, seen = plan.quote, simulation.seen
        try:
            moved = self._quoted_at(plan, seen)
        except QuoteRefused:
            return None
        target = self._account_out(quote)
        is_same = moved.quote.route_accounts == quote.route_accounts and (
            seen.accounts.get(target) is None
        ) == (plan.snapshot.accounts.get(target) is None)
        if is_same and pays_as_quoted(moved.quote, seen, simulation):
            return _checked(moved)
        return None

    def _requote(self, plan: Plan, fresh: Snapshot) -> Plan:
        return _checked(self._quoted_at(plan, fresh))

    def _quoted_at(self, plan: Plan, fresh: Snapshot) -> Plan:
        quote, venue = plan.quote, self._venues[plan.quote.venue]
        requoted = venue.quote(quote.pool, fresh, quote.mint_in, quote.amount_in)
        return replace(plan, quote=requoted, snapshot=fresh)

    async def _quote_again(self, plan: Plan, slot: int) -> Plan:
        """Quote from a later reading; refuse the venue when nothing there explains the gap."""
        quote = plan.quote
        # A node behind the simulating one would show the old pool once more.
        fresh = await self._read(plan, slot, after=plan.snapshot)
        venue = self._venues[quote.venue]
        addresses = venue.addresses(quote.pool, fresh.accounts)
        same_time = fresh.clock.unix_timestamp == plan.snapshot.clock.unix_timestamp
        if same_time and are_equal(addresses, plan.snapshot, fresh):
            message = (
                f"{quote.venue} quoted {quote.amount_out} base units for pool "
                f"{quote.pool}, but the simulation paid another amount from the same "
                "accounts. The venue is not used for this order."
            )
            raise VenueMismatch(
                VenueAnswer(quote.venue, quote.pool, None, "quote_mismatch", message)
            )
        return self._requote(plan, fresh)


def _checked(plan: Plan) -> Plan:
    """Hold a plan that was quoted again to its limits."""
    check_floor(plan.quote, plan.floor)
    _check_impact(plan.quote, plan.max_price_impact)
    return replace(plan, expected=min(plan.expected, plan.quote.amount_out))


def check_floor(quote: Quote, floor: int) -> None:
    """Raise AttemptFailed when the quote is below the order's floor, which never moves."""
    if quote.amount_out < floor:
        message = (
            f"The best quote is {quote.amount_out} base units, below the order's "
            f"minimum of {floor}. Place a new order to accept the new price."
        )
        raise AttemptFailed(Failure("slippage_exceeded", message, retryable=False))


def _check_impact(quote: Quote, limit: ImpactLimit) -> None:
    """Raise AttemptFailed when the pool changed and the swap now moves its price too far."""
    reason = limit.objection(quote.price_impact_bps)
    if reason:
        # The next attempt asks the other pools, and ends the order when none is better.
        raise AttemptFailed(Failure(PriceImpactTooHigh.code, reason, retryable=True))


def _now() -> float:
    return asyncio.get_running_loop().time()
