"""From a route to a signed transaction: compose, simulate, compare, sign.

Nothing here is sent and nothing is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.solana.addresses import associated_token_address
from dex.solana.cluster import Cluster
from dex.solana.decoding import token_amount
from dex.solana.error_meanings import BLOCKHASH_NOT_FOUND
from dex.solana.transactions import compose_swap
from dex.solana.wallet import Wallet
from dex.types import (
    Blockhash,
    Quote,
    SignedTransaction,
    Simulation,
    Snapshot,
    VenueAnswer,
)
from dex.venues.base import Venue

from .failures import Failure
from .storage import Database

MAX_UNIT_LIMIT = 1_400_000
# The compute limit is the simulated need and a fifth: the pool may move in between.
UNIT_MARGIN_PERCENT = 120
REQUOTES = 3


class AttemptFailed(Exception):
    """The attempt cannot go on; `failure` says why and whether another may."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class VenueMismatch(AttemptFailed):
    """The chain would pay something else than this venue quoted: do not use it."""

    def __init__(self, answer: VenueAnswer) -> None:
        super().__init__(Failure(answer.code, answer.reason, retryable=True))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Plan:
    """A quote, the snapshot it was made from, and the floor it must not go below."""

    quote: Quote
    snapshot: Snapshot
    floor: int  # min_amount_out of the order, base units


class TransactionBuilder:
    """Builds the one transaction of an attempt for one wallet."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        wallet: Wallet,
        venues: Mapping[str, Venue],
        database: Database,
        unit_price: int,
    ) -> None:
        self._cluster = cluster
        self._wallet = wallet
        self._venues = venues
        self._database = database
        self._unit_price = unit_price

    async def build(self, plan: Plan, memo: str) -> tuple[Plan, SignedTransaction]:
        """Sign a swap whose simulation agreed with its quote.

        Returns the plan as it was signed: when the pool had changed it was quoted again.
        Raises AttemptFailed, QuoteRefused, RpcError, TradingHalted.
        """
        plan, blockhash, simulation = await self._agreed(plan, memo)
        limit = simulation.units_consumed * UNIT_MARGIN_PERCENT // 100
        message = self._compose(plan, memo, blockhash, min(limit, MAX_UNIT_LIMIT))
        signed = await self._database.run(
            self._wallet.sign, message, blockhash.last_valid_block_height
        )
        return plan, signed

    async def _agreed(
        self, plan: Plan, memo: str
    ) -> tuple[Plan, Blockhash, Simulation]:
        for requotes in range(REQUOTES + 1):
            blockhash = await self._cluster.latest_blockhash()
            message = self._compose(plan, memo, blockhash, MAX_UNIT_LIMIT)
            simulation = await self._simulate(plan, message)
            if _pays_as_quoted(plan, simulation):
                break
            if requotes == REQUOTES:
                break  # the pool moves faster than we read: the floor protects
            plan = await self._quote_again(plan, simulation.slot)
        return plan, blockhash, simulation

    def _compose(
        self, plan: Plan, memo: str, blockhash: Blockhash, unit_limit: int
    ) -> MessageV0:
        return compose_swap(
            self._venues[plan.quote.venue],
            plan.quote,
            plan.snapshot,
            wallet=self._wallet.address,
            memo=memo,
            min_amount_out=plan.floor,
            blockhash=blockhash.blockhash,
            unit_limit=unit_limit,
            unit_price=self._unit_price,
        )

    async def _simulate(self, plan: Plan, message: MessageV0) -> Simulation:
        quote = plan.quote
        simulation = await self._cluster.simulate(
            message,
            [quote.vault_in, quote.vault_out],
            min_context_slot=plan.snapshot.slot,
        )
        if simulation.error_code == BLOCKHASH_NOT_FOUND.code:
            # A node that lags behind the one that gave the blockhash: ask again.
            raise RpcUnavailable(simulation.error)
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

    async def _quote_again(self, plan: Plan, slot: int) -> Plan:
        """Read the pool again, at `slot` or later; refuse the venue when nothing there explains the gap."""
        quote = plan.quote
        account_out = associated_token_address(
            self._wallet.address, quote.mint_out, quote.token_program_out
        )
        fresh = await self._cluster.market.snapshot(
            [(quote.venue, quote.pool)],
            extra=[account_out],
            after=plan.snapshot,
            # A node behind the simulating one would show the old pool once more.
            min_context_slot=slot,
        )
        venue = self._venues[quote.venue]
        addresses = venue.addresses(quote.pool, fresh.accounts)
        same_time = fresh.clock.unix_timestamp == plan.snapshot.clock.unix_timestamp
        if same_time and _equal(addresses, plan.snapshot, fresh):
            message = (
                f"{quote.venue} quoted {quote.amount_out} base units for pool "
                f"{quote.pool}, but the simulation paid another amount from the same "
                "accounts. The venue is not used for this order."
            )
            raise VenueMismatch(
                VenueAnswer(quote.venue, quote.pool, None, "quote_mismatch", message)
            )
        requoted = venue.quote(quote.pool, fresh, quote.mint_in, quote.amount_in)
        check_floor(requoted, plan.floor)
        return replace(plan, quote=requoted, snapshot=fresh)


def check_floor(quote: Quote, floor: int) -> None:
    """Raise AttemptFailed when the quote is below the order's floor, which never moves."""
    if quote.amount_out < floor:
        message = (
            f"The best quote is {quote.amount_out} base units, below the order's "
            f"minimum of {floor}. Place a new order to accept the new price."
        )
        raise AttemptFailed(Failure("slippage_exceeded", message, retryable=False))


def _pays_as_quoted(plan: Plan, simulation: Simulation) -> bool:
    quote, before = plan.quote, plan.snapshot
    received = simulation.token_amounts[quote.vault_in] - _balance(
        before, quote.vault_in
    )
    paid = _balance(before, quote.vault_out) - simulation.token_amounts[quote.vault_out]
    return (received, paid) == (quote.vault_in_delta, quote.vault_out_delta)


def _balance(snapshot: Snapshot, address: Pubkey) -> int:
    account = snapshot.accounts[address]
    assert account is not None, "a quoted pool has its vaults"
    return token_amount(account)


def _equal(addresses: list[Pubkey], before: Snapshot, after: Snapshot) -> bool:
    return all(
        before.accounts.get(address) == after.accounts.get(address)
        for address in addresses
    )
