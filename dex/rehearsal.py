"""A swap as an order would make it now, tried out: nothing is signed, sent or stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey

from .agreement import pays_as_quoted
from .costs import MAX_UNIT_LIMIT
from .errors import QuoteRefused, RpcUnavailable
from .quoting import Wanted
from .router import find_route
from .solana.addresses import associated_token_address
from .solana.dry_runs import DryRuns
from .solana.market import Market
from .solana.rpc import RpcClient
from .solana.simulation import DryRun
from .solana.transactions import compose_swap
from .types import Quote, Route, Simulation, Snapshot
from .venues.base import Venue

# As long as the memo of an order, which is its id and a number.
MEMO = f"{UUID(int=0)}:1"


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of the swap, or why that is not known.

    `code` is "" where it succeeded in a simulation; `amount_out`, in base units, is what it paid, None
    where that is not known. `pool_moved` tells that the pool no longer paid as quoted. As in
    a Simulation, `program` names what failed and `name` is its own name of the error.
    """

    is_known: bool
    code: str = ""
    message: str = ""
    program: str = ""
    name: str = ""
    amount_out: int | None = None
    pool_moved: bool = False
    units_consumed: int = 0
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The route that an order would take, its floor in base units, and its trial."""

    route: Route
    floor: int
    trial: Trial


class Rehearser:
    """Quotes and simulates for everyone who asks on one event loop."""

    def __init__(
        self, rpc: RpcClient, market: Market, venues: Mapping[str, Venue]
    ) -> None:
        self._market = market
        self._venues = venues
        self._programs = {venue.program_id: name for name, venue in venues.items()}
        self._dry_runs = DryRuns(rpc, market)

    async def rehearse(
        self,
        wanted: Wanted,
        wallet: Pubkey | None,
        slippage_bps: int,
        timeout_s: float,
    ) -> Rehearsal:
        """Find the route of a swap and simulate what an order would sign for it.

        Raises what find_route() raises. A chain that falls silent after the quotes, and a
        wallet that is not known yet, only leave the swap untried.
        """
        route, snapshot = await find_route(
            wanted, market=self._market, venues=self._venues, timeout_s=timeout_s
        )
        floor = route.floor(slippage_bps)
        if wallet is None:
            reason = "No worker has met the chain yet, so the wallet is not known."
            return Rehearsal(route, floor, Trial(False, "wallet_unknown", reason))
        try:
            async with asyncio.timeout(timeout_s):
                trial = await self._try(
                    route.raw, snapshot, floor, wallet, wanted.unit_price
                )
        except (TimeoutError, RpcUnavailable):
            reason = "No Solana RPC endpoint simulated it in time. Ask again."
            trial = Trial(False, RpcUnavailable.code, reason)
        return Rehearsal(route, floor, trial)

    async def close(self) -> None:
        """Stop what is being simulated."""
        await self._dry_runs.close()

    async def _try(
        self,
        quote: Quote,
        snapshot: Snapshot,
        floor: int,
        wallet: Pubkey,
        unit_price: int,
    ) -> Trial:
        venue = self._venues[quote.venue]
        try:
            message = compose_swap(
                venue,
                quote,
                snapshot,
                wallet=wallet,
                memo=MEMO,
                min_amount_out=floor,
                blockhash=str(Hash.default()),  # the node takes its newest instead
                unit_limit=MAX_UNIT_LIMIT,
                unit_price=unit_price,
            )
        except QuoteRefused as refusal:
            return Trial(True, refusal.code, refusal.reason)
        simulation = await self._simulate(message, quote, snapshot.slot, wallet)
        return self._judge(quote, snapshot, simulation)

    async def _simulate(
        self, message: MessageV0, quote: Quote, slot: int, wallet: Pubkey
    ) -> Simulation:
        run = DryRun(
            message,
            [quote.vault_in, quote.vault_out],
            slot,
            self._programs,
            replaces_blockhash=True,
        )
        account_out = associated_token_address(
            wallet, quote.mint_out, quote.token_program_out
        )
        pool = (quote.venue, quote.pool)
        return await self._dry_runs.simulate(run, pool, [account_out])

    def _judge(self, quote: Quote, snapshot: Snapshot, simulation: Simulation) -> Trial:
        """Say what a simulation paid, by the balances of the pool's vaults."""
        has_failed = bool(simulation.error_code)
        paid = None if has_failed else self._paid(quote, snapshot, simulation)
        return Trial(
            is_known=True,
            code=simulation.error_code,
            message=simulation.error,
            program=simulation.program,
            name=simulation.name,
            amount_out=paid,
            pool_moved=not has_failed and paid != quote.amount_out,
            units_consumed=simulation.units_consumed,
            slot=simulation.slot,
        )

    def _paid(
        self, quote: Quote, snapshot: Snapshot, simulation: Simulation
    ) -> int | None:
        """Say what a swap paid into the wallet; None where no reading of the pool tells.

        The accounts that came with the simulation may be newer than those of the quote.
        """
        if pays_as_quoted(quote, snapshot, simulation):
            return quote.amount_out
        seen = simulation.seen
        if seen is None:
            return None
        try:
            moved = self._venues[quote.venue].quote(
                quote.pool, seen, quote.mint_in, quote.amount_in
            )
        except QuoteRefused:
            return None
        return moved.amount_out if pays_as_quoted(moved, seen, simulation) else None
