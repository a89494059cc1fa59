"""The dry runs of all orders of a process: many share a request, beside their pools.

A pool that many orders use moves between the reading that an order was quoted from and
its dry run, so that both seldom agree. Each request therefore begins with the accounts of
the pools that its transactions use: one node reads both together, and a quote from those
accounts tells what the dry run must have paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from solders.pubkey import Pubkey

from dex.errors import RpcError, RpcUnavailable
from dex.types import Simulation, Snapshot

from .addresses import CLOCK_SYSVAR
from .batches import MAX_BODY_BYTES
from .decoding import decode_clock
from .endpoint import Endpoint
from .market import Market, PoolKey
from .pages import Pages
from .readings import MAX_ACCOUNTS, METHOD, accounts_params, read_accounts
from .rpc import RpcClient
from .simulation import DryRun, simulate

# Of a body that nodes read, what the accounts' addresses leave to the transactions.
MAX_RUNS_BYTES = MAX_BODY_BYTES - 8 * 1024


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One order's dry run, and what its pool needs to be quoted."""

    run: DryRun
    params: list[Any]
    addresses: frozenset[Pubkey]

    @property
    def length(self) -> int:
        """Return how many bytes of a body it takes at most."""
        return len(self.params[0]) + 500 + 50 * len(self.run.token_accounts)


class DryRuns:
    """Simulates for everyone who asks, a page of transactions in one request."""

    def __init__(self, rpc: RpcClient, market: Market) -> None:
        self._rpc = rpc
        self._market = market
        self._pages = Pages(rpc, self._ask, self._take)

    async def simulate(
        self, run: DryRun, pool: PoolKey, extra: Collection[Pubkey]
    ) -> Simulation:
        """Run an unsigned transaction that uses `pool`, without landing it.

        The simulation carries the pool as the same node showed it in the same request,
        with `extra` accounts, where it did. Raises RpcUnavailable, WrongChain.
        """
        if self._rpc.batch_size < 2:
            return await simulate(self._rpc, run)
        addresses = frozenset((CLOCK_SYSVAR, *self._market.addresses_of(pool), *extra))
        found = await self._pages.ask(_Wanted(run, run.params(), addresses))
        return await simulate(self._rpc, run) if found is None else found

    async def close(self) -> None:
        """Stop what is being asked."""
        await self._pages.close()

    def _take(self, waiting: Sequence[_Wanted]) -> int:
        addresses: set[Pubkey] = set()
        length = 0
        most = waiting[: self._rpc.batch_size - 1]
        for count, wanted in enumerate(most):
            addresses |= wanted.addresses
            length += wanted.length
            if len(addresses) > MAX_ACCOUNTS or length > MAX_RUNS_BYTES:
                return count
        return len(most)

    async def _ask(
        self, endpoint: Endpoint, page: Sequence[_Wanted]
    ) -> list[Simulation | None]:
        """Ask one node for all of a page; RpcUnavailable when it answers none of it."""
        addresses = sorted(frozenset().union(*(w.addresses for w in page)), key=bytes)
        runs = [("simulateTransaction", wanted.params) for wanted in page]
        began = asyncio.get_running_loop().time()
        read, *answers = await endpoint.call_all(
            [(METHOD, accounts_params(addresses)), *runs], as_one=True
        )
        seen = self._seen(read, addresses, endpoint, began)
        found = [
            self._read(wanted, answer, endpoint, seen)
            for wanted, answer in zip(page, answers, strict=True)
        ]
        if not any(found):
            failures = [a for a in answers if isinstance(a, RpcError)]
            raise (
                failures[0]
                if failures
                else RpcUnavailable(
                    f"{endpoint.name} simulated none of {len(page)} transactions"
                )
            )
        return found

    def _seen(
        self, answer: Any, addresses: list[Pubkey], endpoint: Endpoint, began: float
    ) -> Snapshot | None:
        """Read the accounts; None where they cannot be relied upon."""
        if isinstance(answer, BaseException):
            return None
        try:
            slot, accounts = read_accounts(answer, addresses, endpoint.name)
            clock = decode_clock(accounts[CLOCK_SYSVAR])
        except RpcError:
            return None
        self._rpc.reached(endpoint, slot)
        if self._rpc.pace.strays(slot):
            return None
        return Snapshot(slot, clock, accounts, read_at=began)

    def _read(
        self, wanted: _Wanted, answer: Any, endpoint: Endpoint, seen: Snapshot | None
    ) -> Simulation | None:
        if isinstance(answer, BaseException):
            return None
        try:
            simulation = wanted.run.read(answer, endpoint.name, self._rpc.pace)
        except RpcError:
            return None
        return replace(simulation, seen=seen)
