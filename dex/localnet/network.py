"""The chain as its users meet it: one ledger, several nodes, and the switches of tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from solders.pubkey import Pubkey

from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.types import Account

from . import genesis, pausing
from .faults import Faults
from .ledger import Commit, Ledger
from .market import Market
from .node import Node
from .programs import token_layout as layout

logger = logging.getLogger(__name__)

# What a funded wallet holds at least, in whole tokens.
NATIVE_SOL = 10_000
FUNDING = {
    "SOL": 1_000_000,
    "USDC": 100_000_000,
    "RAY": 50_000_000,
    "MET": 200_000_000,
    "A": 100_000_000,
    "B": 200_000_000,
}
TICK_S = 0.05
SLOTS_BETWEEN_TRADES = 5


class Network:
    """One ledger behind several nodes."""

    def __init__(
        self, ledger: Ledger, *, nodes: int, control: bool, market: bool, seed: int
    ) -> None:
        self.ledger = ledger
        self.nodes = [Node(self, index) for index in range(nodes)]
        # Called in order right after each commit that carried something.
        self.listeners: list[Callable[[Commit], None]] = []
        ledger.committed = self._tell
        self.control = control
        self.market = Market(ledger, seed)
        self.market_is_open = market
        self._trades_at = 0
        self.funded: set[Pubkey] = set()
        # Set when the ledger could not be written: the process must stop.
        self.broken = asyncio.Event()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        nodes: int = 2,
        slot_time_s: float = 0.4,
        slots_to_confirm: int = 0,
        landing_delay_s: float = 0.0,
        drop_rate: float = 0.0,
        paused_venues: Collection[str] = (),
        market: bool = False,
        seed: int = 0,
        control: bool = False,
        fund: Collection[Pubkey] = (),
    ) -> Network:
        """Open the ledger in `folder`, or begin one; LedgerUnusable when another has it."""
        ledger = Ledger.open(
            folder,
            genesis=genesis.accounts,
            slot_time_s=slot_time_s,
            slots_to_confirm=slots_to_confirm,
            faults=Faults(
                landing_delay_s=landing_delay_s,
                drop_rate=drop_rate,
                rng=random.Random(seed),
            ),
        )
        network = cls(ledger, nodes=nodes, control=control, market=market, seed=seed)
        network.pause(paused_venues)
        for owner in fund:
            network.fund(owner)
        ledger.commit()
        return network

    def _tell(self, commit: Commit) -> None:
        for listener in self.listeners:
            listener(commit)

    def fund(self, owner: Pubkey) -> None:
        """Raise a wallet's SOL and every genesis token to at least what it is given."""
        self.funded.add(owner)
        self.ledger.put(_funding(self.ledger, owner))

    def pause(self, venues: Collection[str]) -> None:
        """Switch swaps off in every pool of these venues, and on in all others."""
        self.ledger.faults.paused_venues = set(venues)
        changes: list[tuple[Pubkey, Account | None]] = []
        for pool in genesis.pools():
            account = self.ledger.account(pool.address)
            assert account is not None, "genesis pools are never closed"
            data = pausing.with_status(
                account.data, pool.venue, paused=pool.venue in venues
            )
            changes.append((pool.address, replace(account, data=data)))
        self.ledger.put(changes)

    def advance(self, slots: int, seconds: float | None) -> None:
        """Move slot, height and clock at once, and land what became due."""
        self.ledger.clock.advance(slots=slots, seconds=seconds)
        self.ledger.save_clock()
        self.ledger.land_pending()

    async def run(self) -> None:
        """Land delayed transactions when they are due, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def tick(self) -> None:
        """Do what is due now, durably."""
        self.ledger.land_pending()
        slot = self.ledger.clock.slot()
        if self.market_is_open and slot >= self._trades_at:
            if self._trades_at == 0:
                self.fund(self.market.wallet.pubkey())
            self._trades_at = slot + SLOTS_BETWEEN_TRADES
            self.market.trade()
        self.ledger.commit()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tick in the background for as long as the block runs."""
        ticker = asyncio.create_task(self.run())
        ticker.add_done_callback(self._ticker_ended)
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.wait([ticker])

    def _ticker_ended(self, ticker: asyncio.Task[None]) -> None:
        error = None if ticker.cancelled() else ticker.exception()
        if error is not None:
            self.give_up(error)

    def give_up(self, error: BaseException) -> None:
        """Stop for good: nothing said after a failed write would be durable."""
        if not self.broken.is_set():
            logger.critical("localnet stops: %r", error, exc_info=error)
            self.broken.set()
            self.ledger.abandon()


def _funding(ledger: Ledger, owner: Pubkey) -> Iterator[tuple[Pubkey, Account | None]]:
    wallet = ledger.account(owner) or Account(SYSTEM_PROGRAM, 0, b"")
    lamports = max(wallet.lamports, NATIVE_SOL * 10**9)
    yield owner, replace(wallet, lamports=lamports)
    for token in genesis.TOKENS.values():
        address = associated_token_address(owner, token.mint)
        existing = ledger.account(address)
        amount = token.units(FUNDING[token.symbol])
        held = 0
        if existing is not None and existing.owner == TOKEN_PROGRAM:
            held = layout.amount_of(existing.data)
        if held >= amount:
            continue
        yield address, genesis.token_account(token.mint, owner, amount)
        if token.mint != WRAPPED_SOL_MINT:
            yield token.mint, _minted(ledger, token.mint, amount - held)


def _minted(ledger: Ledger, mint: Pubkey, amount: int) -> Account:
    """Return the mint with a supply that counts the new tokens."""
    account = ledger.account(mint)
    assert account is not None, "genesis mints are never closed"
    supply = int.from_bytes(account.data[36:44], "little") + amount
    data = account.data[:36] + supply.to_bytes(8, "little") + account.data[44:]
    return replace(account, data=data)
