"""The chain as its users meet it: one ledger, several nodes, and the switches of tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
)
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from . import genesis, pausing
from .faults.registry import Faults
from .faults.rules import BadRule, Limits
from .fork.load import Fork
from .fork.pools import ForkedPool
from .funding import fund
from .ledger import Commit, Ledger
from .market import Market
from .node import Node
from .opening import open_ledger
from .real_programs import RealPrograms
from .slots import SLOTS_TO_FINALIZE

logger = logging.getLogger(__name__)

TICK_S = 0.05
SLOTS_BETWEEN_TRADES = 5


class Network:
    """One ledger behind several nodes."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        nodes: int,
        control: bool,
        market: bool,
        seed: int,
        fork: Fork,
    ) -> None:
        self.ledger = ledger
        self.fork = fork
        self.nodes = [Node(self, index) for index in range(nodes)]
        self.faults = Faults(
            Limits(nodes, ledger.clock.slots_to_confirm), ledger.clock.now, seed
        )
        # Called in order right after each commit that carried something.
        self.listeners: list[Callable[[Commit], None]] = []
        ledger.committed = self._tell
        self.control = control
        self.market = Market(ledger, seed)
        self.market_is_open = market
        self.paused_venues: set[str] = set()
        self._trades_at = 0
        self._forks_at = 0
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
        slots_to_finalize: int = SLOTS_TO_FINALIZE,
        landing_delay_s: float = 0.0,
        drop_rate: float = 0.0,
        faults: Iterable[Mapping[str, Any]] = (),
        paused_venues: Collection[str] = (),
        market: bool = False,
        seed: int = 0,
        control: bool = False,
        fund: Collection[Pubkey] = (),
        fork: Fork = Fork(),  # noqa: B008 (it is frozen)
        programs: RealPrograms | None = None,
    ) -> Network:
        """Open the ledger in `folder`, or begin one; LedgerUnusable when another has it.

        Raises BadRule when one of `faults` makes no sense.
        """
        ledger = open_ledger(
            folder,
            genesis=lambda: chain(
                genesis.accounts(),
                fork.accounts,
                () if programs is None else programs.accounts(),
            ),
            slot_time_s=slot_time_s,
            slots_to_confirm=slots_to_confirm,
            slots_to_finalize=slots_to_finalize,
        )
        if programs is not None:
            ledger.execute = programs.execute
        network = cls(
            ledger,
            nodes=nodes,
            control=control,
            market=market,
            seed=seed,
            fork=fork,
        )
        try:
            for rule in faults:
                network.faults.add(rule)
        except BadRule:
            ledger.close()
            raise
        network.delay_landing(landing_delay_s)
        network.drop(drop_rate)
        network.pause(paused_venues)
        for owner in fund:
            network.fund(owner)
        ledger.commit()
        return network

    def _tell(self, commit: Commit) -> None:
        for listener in self.listeners:
            listener(commit)

    def fund(self, owner: Pubkey) -> None:
        """Raise a wallet's SOL and every token to at least what it is given."""
        self.funded.add(owner)
        fund(self.ledger, self.fork, owner)

    def pause(self, venues: Collection[str]) -> None:
        """Switch swaps off in every pool of these venues, and on in all others."""
        self.paused_venues = set(venues)
        pools: list[genesis.GenesisPool | ForkedPool] = [*genesis.pools()]
        for pool in [*pools, *self.fork.pools]:
            switched = partial(
                pausing.switched,
                first=pool.state,
                venue=pool.venue,
                paused=pool.venue in venues,
            )
            self.ledger.bank.adjust(pool.address, switched)

    def delay_landing(self, seconds: float) -> None:
        """Let every transaction land so much later than it was sent."""
        rule = {"kind": "landLate", "delayS": seconds} if seconds else None
        self.faults.switch("landingDelayS", rule)

    def drop(self, rate: float) -> None:
        """Lose this share of all sendings; the same transaction may be sent again."""
        rule = {"kind": "drop", "perSend": True, "probability": rate} if rate else None
        self.faults.switch("dropRate", rule)

    def drop_next(self, count: int) -> None:
        """Lose the next sendings, however many times one transaction is sent."""
        rule = {"kind": "drop", "perSend": True, "count": count} if count else None
        self.faults.switch("dropNext", rule)

    def slow_down(self, node: int, seconds: float) -> None:
        """Let a node act at once and answer so much later."""
        rule = {"kind": "slow", "node": node, "delayS": seconds} if seconds else None
        self.faults.switch(f"delayMs {node}", rule)

    def advance(self, slots: int, seconds: float | None) -> None:
        """Move slot, height and clock at once, and land what became due."""
        self.ledger.advance(slots, seconds)

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
        self._fork(slot)
        self.ledger.commit()

    def _fork(self, slot: int) -> None:
        """Draw once in a slot that holds something a fork could take back.

        The next fork waits until what this one took back is settled again.
        """
        if slot < self._forks_at or not self.ledger.has_unconfirmed():
            return
        fault = self.faults.strike("fork")
        self._forks_at = slot + 1
        if fault is not None:
            clock = self.ledger.clock
            lands_at = clock.now() + fault.rule.delay_s
            taken = self.ledger.fork(fault.rule.slots, lands_at)
            self._forks_at = clock.anchor.slot_at(lands_at) + clock.slots_to_confirm + 1
            logger.info("a fork takes back %d transactions", taken)

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
