"""The chain as the engine sees it: one of everything for all orders of a process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from yarl import URL

from dex.errors import WrongChain
from dex.types import Blockhash, Fill, Outcome, SignedTransaction, Simulation
from dex.venues.base import Venue

from .blockhashes import Blockhashes
from .dry_runs import DryRuns
from .error_meanings import TransactionError
from .expiry import DeathProof
from .fills import Sides, read_fee, wait_for_fill
from .market import Market, PoolKey
from .obstacles import Obstacle, obstacle
from .program_errors import decode_error
from .rpc import RpcClient
from .sender import Sender
from .shown import ShownTransactions
from .simulation import DryRun, simulate
from .statuses import StatusPoller
from .subscriptions import SignatureSocket
from .tracking import Tracker

logger = logging.getLogger(__name__)

# How often every endpoint is asked for its slot, so that one that lags is known before it
# is needed.
LOOK_AROUND_S = 2.0


class Cluster:
    """Reads, simulates, sends and settles over one RPC client, which it closes.

    All intervals are seconds; those left out follow from the slot time. `socket_urls`
    names the WebSocket of some or all endpoints, by the endpoint's name.
    """

    def __init__(
        self,
        rpc: RpcClient,
        venues: Mapping[str, Venue],
        *,
        slot_time_s: float,
        status_interval_s: float | None = None,
        resend_interval_s: float = 2.0,
        expiry_interval_s: float | None = None,
        allow_single_rpc: bool = False,
        socket_urls: Mapping[str, URL] | None = None,
    ) -> None:
        self.rpc = rpc
        self.market = Market(rpc, venues, slot_time_s=slot_time_s)
        self._programs = {venue.program_id: name for name, venue in venues.items()}
        self._dry_runs = DryRuns(rpc, self.market)
        self._shown = ShownTransactions(rpc)
        self._blockhashes = Blockhashes(rpc, slot_time_s=slot_time_s)
        self._status_interval_s = (
            slot_time_s / 4 if status_interval_s is None else status_interval_s
        )
        self._pause_s = slot_time_s
        names = [endpoint.name for endpoint in rpc.endpoints]
        self._tracker = Tracker(names, self._decode_error, rpc.pace.admits)
        self._sender = Sender(self._tracker, rpc, interval_s=resend_interval_s)
        self._death_proof = DeathProof(
            self._tracker,
            rpc.endpoints,
            interval_s=(
                slot_time_s * 5 if expiry_interval_s is None else expiry_interval_s
            ),
            allow_single=allow_single_rpc,
        )
        self._sockets = {
            name: SignatureSocket(
                self._tracker, name, url, on_landed=self._shown.expect
            )
            for name, url in (socket_urls or {}).items()
        }
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the sender, the status pollers, their sockets and the death proof."""
        pollers = [
            StatusPoller(
                self._tracker,
                endpoint,
                self.rpc.pace,
                interval_s=self._status_interval_s,
                socket=self._sockets.get(endpoint.name),
            )
            for endpoint in self.rpc.endpoints
        ]
        rounds = [
            self._sender.resend,
            self._death_proof.examine,
            self._look_around,
            *(poller.poll for poller in pollers),
            *(socket.keep_up for socket in self._sockets.values()),
        ]
        self._loops = [asyncio.create_task(self._repeat(step)) for step in rounds]

    async def close(self) -> None:
        """Stop everything and close the connections."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._sender.close()
        await self._dry_runs.close()
        await self._shown.close()
        await self.market.close()
        await self.rpc.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def latest_blockhash(self) -> Blockhash:
        """Return a blockhash at most a slot old. Raises RpcUnavailable."""
        return await self._blockhashes.latest()

    async def simulate(
        self,
        message: MessageV0,
        token_accounts: Sequence[Pubkey],
        *,
        min_context_slot: int,
        pool: PoolKey | None = None,
        extra: Collection[Pubkey] = (),
    ) -> Simulation:
        """Run an unsigned transaction without landing it. Raises RpcUnavailable.

        With `pool` the simulation brings the accounts of that pool, and `extra` ones, as
        the same node showed them in the same request, where it did.
        """
        run = DryRun(message, token_accounts, min_context_slot, self._programs)
        if pool is None:
            return await simulate(self.rpc, run)
        return await self._dry_runs.simulate(run, pool, extra)

    async def settle(
        self, transaction: SignedTransaction, *, resend: bool = True
    ) -> Outcome:
        """Send these bytes until the chain has decided them; return only then.

        Landed and LandedWithError at commitment confirmed or better, Expired by the
        death proof. `resend` False only watches. Raises WrongChain.
        """
        with self._tracker.follow(transaction, resend=resend) as tracked:
            if resend:
                self._sender.send(tracked)
            return await asyncio.shield(tracked.outcome)

    def obstacle(self, signature: str) -> Obstacle | None:
        """Say what keeps a transaction that is being settled open; None: it may land."""
        tracked = self._tracker.find(signature)
        if tracked is None or tracked.outcome.done():
            return None
        return obstacle(tracked, self.rpc.endpoints)

    async def fill(
        self,
        signature: str,
        *,
        vault_in: Pubkey,
        vault_out: Pubkey,
        wallet: Pubkey,
        mint_in: Pubkey,
        mint_out: Pubkey,
    ) -> Fill:
        """Read what a landed swap moved, as soon as an endpoint shows it.

        Raises FillUnreadable, RpcUnavailable, WrongChain.
        """
        sides = Sides(vault_in, vault_out, wallet, mint_in, mint_out)
        return await self._shown.fill(signature, sides) or await wait_for_fill(
            self.rpc, signature, sides, interval_s=self._status_interval_s
        )

    async def fee(self, signature: str) -> int | None:
        """Read the network fee of a landed transaction in lamports.

        None when no endpoint shows it now: what it cost decides nothing. Raises
        WrongChain.
        """
        return await read_fee(self.rpc, signature)

    def _decode_error(self, error: Any, raw: bytes) -> TransactionError:
        message = VersionedTransaction.from_bytes(raw).message
        assert isinstance(message, MessageV0), "we sign version 0 only"
        return decode_error(error, message, self._programs)

    async def _look_around(self) -> None:
        await self.rpc.read_slots()
        await asyncio.sleep(LOOK_AROUND_S)

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except WrongChain as error:
                self._tracker.fail(error)
                return
            except Exception:
                # Whoever waits must not wait for ever because one answer was odd.
                logger.exception("%s failed; it goes on", step.__qualname__)
                await asyncio.sleep(self._pause_s)
