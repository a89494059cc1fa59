"""Wrong ways to learn what became of a transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from dex.errors import RpcError
from dex.solana import expiry
from dex.solana.cluster import Cluster
from dex.solana.expiry import DeathProof
from dex.solana.statuses import fetch_statuses
from dex.solana.tracking import SETTLED, Tracker
from dex.types import Expired

LONG_S = 60.0


@contextlib.contextmanager
def sign_again_on_timeout() -> Iterator[None]:
    """What was not heard of for a minute has failed."""
    settle = Cluster.settle

    async def settle_in_time(self, transaction, *, resend=True):
        try:
            async with asyncio.timeout(LONG_S):
                return await settle(self, transaction, resend=resend)
        except TimeoutError:
            return Expired({})

    with patch.object(Cluster, "settle", settle_in_time):
        yield


def status_before_height():
    """The history is asked first, and whether it may still land afterwards."""

    async def examine_at(self, endpoint, tracked):
        with contextlib.suppress(RpcError):
            silent = await _silent(self, endpoint, tracked)
            finalized = await expiry._finalized(endpoint)
            for entry in silent:
                signed = entry.transaction
                if finalized.block_height > signed.last_valid_block_height and not (
                    await expiry._is_valid(endpoint, signed.blockhash, finalized.slot)
                ):
                    self._note_dead(entry, endpoint.name, finalized.slot)

    return patch.object(DeathProof, "_examine_at", examine_at)


@contextlib.contextmanager
def wall_clock_instead_of_height() -> Iterator[None]:
    """A blockhash lives a minute, so after that the host's clock says."""
    began: dict[str, float] = {}

    async def examine_at(self, endpoint, tracked):
        now = asyncio.get_running_loop().time()
        old = [
            entry
            for entry in tracked
            if now - began.setdefault(entry.transaction.signature, now) > LONG_S
        ]
        if not old:
            return
        with contextlib.suppress(RpcError):
            for entry in await _silent(self, endpoint, old):
                self._note_dead(entry, endpoint.name, 1)

    with patch.object(DeathProof, "_examine_at", examine_at):
        yield


def one_endpoint_trusted():
    """One endpoint that shows it dead is enough."""

    def decide(self, entry):
        if entry.dead_at and not entry.known_by and not entry.landed:
            self._tracker.declare_expired(entry)
        else:
            self._tracker.decide(entry)

    return patch.object(DeathProof, "_decide", decide)


@contextlib.contextmanager
def null_taken_for_dead() -> Iterator[None]:
    """What no endpoint knows will not land."""
    hear = Tracker.hear

    def hear_null(self, tracked, endpoint, status, context_slot):
        hear(self, tracked, endpoint, status, context_slot)
        if status is None and not tracked.known_by:
            tracked.dead_at[endpoint] = context_slot
            if len(tracked.dead_at) >= 2:
                self.declare_expired(tracked)

    with patch.object(Tracker, "hear", hear_null):
        yield


@contextlib.contextmanager
def error_at_processed_taken_for_final() -> Iterator[None]:
    """An error is believed at any commitment."""
    begin = Tracker.__init__

    def begin_hasty(self, *arguments):
        begin(self, *arguments)
        self._error_levels = ("processed", *SETTLED)

    with patch.object(Tracker, "__init__", begin_hasty):
        yield


async def _silent(proof, endpoint, tracked):
    """Ask the history of one endpoint; return those of which it knows nothing."""
    signatures = [entry.transaction.signature for entry in tracked]
    slot, statuses = await fetch_statuses(endpoint, signatures, search_history=True)
    silent = []
    for entry, status in zip(tracked, statuses, strict=True):
        if status is None:
            silent.append(entry)
        else:
            proof._tracker.hear(entry, endpoint.name, status, slot)
    return silent
