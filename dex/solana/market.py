"""Account snapshots: one round of getMultipleAccounts a slot for all callers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused, RpcUnavailable
from dex.types import Account, Accounts, Snapshot
from dex.venues.base import Venue

from .addresses import CLOCK_SYSVAR
from .decoding import decode_clock
from .endpoint import Endpoint, look_at
from .readings import MAX_ACCOUNTS, METHOD, accounts_params, read_accounts
from .rpc import RpcClient

logger = logging.getLogger(__name__)

# Pools name further accounts once their own are read; no venue needs more steps.
MAX_STEPS = 6
SAME_SLOT_TRIES = 10
# For how many slots a round goes on reading what somebody asked for.
KEEP_SLOTS = 10

PoolKey = tuple[str, Pubkey]  # venue name, pool address


@dataclass(slots=True)
class _Round:
    """One reading that is waited for: what it must hold, and its snapshot."""

    snapshot: asyncio.Future[Snapshot]
    pools: set[PoolKey] = field(default_factory=set)
    extra: set[Pubkey] = field(default_factory=set)
    min_context_slot: int = 0

    def holds(self, pools: Iterable[PoolKey], extra: Iterable[Pubkey]) -> bool:
        return self.pools.issuperset(pools) and self.extra.issuperset(extra)


class Market:
    """Reads pools with everything their quotes need, for all callers of a process."""

    def __init__(
        self, rpc: RpcClient, venues: Mapping[str, Venue], *, slot_time_s: float
    ) -> None:
        self._rpc = rpc
        self._venues = venues
        self._slot_time_s = slot_time_s
        # What each pool's quote read last time, so that one reading is enough.
        self._addresses: dict[PoolKey, list[Pubkey]] = {}
        self._wanted: dict[PoolKey | Pubkey, float] = {}  # when last asked for
        self._newest: _Round | None = None
        self._newest_began = 0.0
        self._next: _Round | None = None
        self._reader: asyncio.Task[None] | None = None

    async def snapshot(
        self,
        pools: Collection[PoolKey],
        *,
        extra: Collection[Pubkey] = (),
        after: Snapshot | None = None,
        min_context_slot: int = 0,
    ) -> Snapshot:
        """Return the pools' accounts, `extra` and the Clock, all of one slot.

        At most a slot time old; with `after`, read after this call and at no earlier
        slot than it. Raises RpcUnavailable, WrongChain.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._wanted.update(dict.fromkeys(pools, now))
        self._wanted.update(dict.fromkeys(extra, now))
        newest = self._newest
        if (
            newest is not None
            and after is None
            and now - self._newest_began < self._slot_time_s
            and newest.holds(pools, extra)
            and newest.snapshot.result().slot >= min_context_slot
        ):
            return newest.snapshot.result()
        if self._next is None:
            self._next = _Round(loop.create_future())
        joined = self._next
        joined.pools.update(pools)
        joined.extra.update(extra)
        joined.min_context_slot = max(
            joined.min_context_slot, min_context_slot, after.slot if after else 0
        )
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_rounds())
        return await asyncio.shield(joined.snapshot)

    def addresses_of(self, pool: PoolKey) -> list[Pubkey]:
        """List what the pool's quote read last time; the pool alone before the first."""
        return self._addresses.get(pool, [pool[1]])

    async def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read_rounds(self) -> None:
        """Read one round after another while somebody waits for one."""
        while self._next is not None:
            round_, self._next = self._next, None
            # Whoever gave up waiting leaves an error that nobody fetches.
            round_.snapshot.add_done_callback(look_at)
            self._add_recently_wanted(round_)
            began = asyncio.get_running_loop().time()
            try:
                snapshot = await self._read(round_, began)
            except asyncio.CancelledError:
                round_.snapshot.cancel()
                raise
            except Exception as error:
                round_.snapshot.set_exception(error)
            else:
                round_.snapshot.set_result(snapshot)
                self._newest, self._newest_began = round_, began

    def _add_recently_wanted(self, round_: _Round) -> None:
        """Include what others read lately, so that they find it in this round."""
        oldest = asyncio.get_running_loop().time() - KEEP_SLOTS * self._slot_time_s
        self._wanted = {
            wanted: at for wanted, at in self._wanted.items() if at >= oldest
        }
        for wanted in self._wanted:
            if isinstance(wanted, Pubkey):
                round_.extra.add(wanted)
            else:
                round_.pools.add(wanted)

    async def _read(self, round_: _Round, began: float) -> Snapshot:
        addresses = {pool: self.addresses_of(pool) for pool in round_.pools}
        for _ in range(MAX_STEPS):
            listed = {CLOCK_SYSVAR, *round_.extra}
            listed.update(*addresses.values())
            ordered = sorted(listed, key=bytes)

            async def ask(
                endpoint: Endpoint, ordered: list[Pubkey] = ordered
            ) -> tuple[int, Snapshot]:
                slot, accounts = await self._fetch(
                    endpoint, ordered, round_.min_context_slot
                )
                clock = decode_clock(accounts[CLOCK_SYSVAR])
                return slot, Snapshot(slot, clock, accounts, read_at=began)

            snapshot = await self._rpc.freshest(ask)
            accounts = snapshot.accounts
            addresses = {pool: self._named_by(pool, accounts) for pool in round_.pools}
            if all(listed.issuperset(named) for named in addresses.values()):
                self._addresses.update(addresses)
                return snapshot
        raise RpcUnavailable("The pools name new accounts at every reading.")

    def _named_by(self, pool: PoolKey, accounts: Accounts) -> list[Pubkey]:
        venue_name, address = pool
        try:
            named = self._venues[venue_name].addresses(address, accounts)
        except QuoteRefused:
            named = []  # its quote will say why
        except Exception:
            # One odd pool must not take the others' round down with it.
            logger.exception("%s cannot read pool %s", venue_name, address)
            named = []
        return [address, *named]

    async def _fetch(
        self, endpoint: Endpoint, addresses: list[Pubkey], min_context_slot: int
    ) -> tuple[int, dict[Pubkey, Account | None]]:
        """Read accounts from one node at one slot; more than 100 in several calls."""
        chunks = [
            addresses[start : start + MAX_ACCOUNTS]
            for start in range(0, len(addresses), MAX_ACCOUNTS)
        ]
        for _ in range(SAME_SLOT_TRIES):
            answers = await asyncio.gather(
                *(self._fetch_chunk(endpoint, c, min_context_slot) for c in chunks)
            )
            slots = {slot for slot, _ in answers}
            if len(slots) == 1:
                accounts: dict[Pubkey, Account | None] = {}
                for _, chunk in answers:
                    accounts |= chunk
                return slots.pop(), accounts
        raise RpcUnavailable(
            f"{endpoint.name} did not return {len(addresses)} accounts of one slot"
        )

    async def _fetch_chunk(
        self, endpoint: Endpoint, addresses: list[Pubkey], min_context_slot: int
    ) -> tuple[int, dict[Pubkey, Account | None]]:
        params = accounts_params(addresses, min_context_slot=min_context_slot)
        answer = await endpoint.call(METHOD, params)
        slot, accounts = read_accounts(answer, addresses, endpoint.name)
        if slot < min_context_slot:
            raise RpcUnavailable(
                f"{endpoint.name}: accounts of slot {slot} are too old"
            )
        return slot, accounts
