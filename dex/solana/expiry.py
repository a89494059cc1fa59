"""The death proof: that a signed transaction can never land any more.

One endpoint shows it whole, in this order:

1. `getEpochInfo` at finalized gives slot S and block height in one answer, and the
   height is beyond the transaction's last valid block height;
2. `isBlockhashValid` at finalized, on a node at slot S or later, is false;
3. `getSignatureStatuses` with history, asked only then and answered from slot S or
   later, finds nothing at any commitment. (In the other order it could land between.)

Two different endpoints must each show it. Where the settings allow a single endpoint it
shows it twice, the second time at a slot at least 32 higher. Any endpoint that knows
the signature wins, and one that does not answer shows nothing. Where one endpoint shows
an error, another that shows it dead backs that error.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from dex.errors import RpcError, RpcUnavailable

from .decoding import context_slot, is_count
from .endpoint import Endpoint
from .statuses import MAX_SIGNATURES, fetch_statuses
from .tracking import Tracked, Tracker, again

logger = logging.getLogger(__name__)

SINGLE_ENDPOINT_SLOTS = 32


@dataclass(frozen=True, slots=True)
class Finalized:
    """An endpoint's finalized slot, and the block height at that slot."""

    slot: int
    block_height: int


class DeathProof:
    """Collects what endpoints show of everything that is open."""

    def __init__(
        self,
        tracker: Tracker,
        endpoints: tuple[Endpoint, ...],
        *,
        interval_s: float,
        allow_single: bool,
    ) -> None:
        self._tracker = tracker
        self._endpoints = endpoints
        self._interval_s = interval_s
        self._allow_single = allow_single and len(endpoints) == 1

    async def examine(self) -> None:
        """Let every endpoint show what it can, decide, and pause."""
        tracked = await self._tracker.open()
        await asyncio.gather(
            *(self._examine_at(endpoint, tracked) for endpoint in self._endpoints)
        )
        for entry in tracked:
            self._decide(entry)
        await asyncio.sleep(self._interval_s)

    async def _examine_at(self, endpoint: Endpoint, tracked: list[Tracked]) -> None:
        try:
            finalized = await _finalized(endpoint)
            beyond = [
                entry
                for entry in tracked
                if finalized.block_height > entry.transaction.last_valid_block_height
            ]
            by_blockhash: dict[str, list[Tracked]] = {}
            for entry in beyond:
                by_blockhash.setdefault(entry.transaction.blockhash, []).append(entry)
            await asyncio.gather(
                *(
                    self._examine_blockhash(endpoint, finalized, blockhash, entries)
                    for blockhash, entries in by_blockhash.items()
                )
            )
        except RpcError as error:
            logger.info("no proof of expiry from %s: %s", endpoint.name, error)

    async def _examine_blockhash(
        self,
        endpoint: Endpoint,
        finalized: Finalized,
        blockhash: str,
        tracked: list[Tracked],
    ) -> None:
        if await _is_valid(endpoint, blockhash, finalized.slot):
            return
        for start in range(0, len(tracked), MAX_SIGNATURES):
            page = tracked[start : start + MAX_SIGNATURES]
            signatures = [entry.transaction.signature for entry in page]
            slot, statuses = await fetch_statuses(
                endpoint, signatures, search_history=True
            )
            for entry, status in zip(page, statuses, strict=True):
                if status is not None:
                    self._tracker.hear(entry, endpoint.name, status, slot)
                elif slot >= finalized.slot:
                    self._note_dead(entry, endpoint.name, finalized.slot)

    def _note_dead(self, entry: Tracked, endpoint: str, slot: int) -> None:
        # It is dead to this endpoint now, whatever it knew of a fork before.
        entry.known_by.discard(endpoint)
        entry.failing_at.discard(endpoint)
        first = entry.dead_at.setdefault(endpoint, slot)
        if self._allow_single and slot >= first + SINGLE_ENDPOINT_SLOTS:
            entry.dead_at[again(endpoint)] = slot

    def _decide(self, entry: Tracked) -> None:
        if len(entry.dead_at) >= 2 and not entry.known_by and not entry.landed:
            self._tracker.declare_expired(entry)
        else:
            self._tracker.decide(entry)  # it may back an error that another one shows


async def _finalized(endpoint: Endpoint) -> Finalized:
    answer = await endpoint.call("getEpochInfo", [{"commitment": "finalized"}])
    match answer:
        case {"absoluteSlot": slot, "blockHeight": block_height} if is_count(
            slot
        ) and is_count(block_height):
            return Finalized(slot, block_height)
    raise RpcUnavailable(f"{endpoint.name}: the epoch info is unreadable")


async def _is_valid(endpoint: Endpoint, blockhash: str, min_slot: int) -> bool:
    """Whether the blockhash can still be used, or the endpoint does not show that."""
    options = {"commitment": "finalized", "minContextSlot": min_slot}
    answer = await endpoint.call("isBlockhashValid", [blockhash, options])
    return context_slot(answer) < min_slot or answer.get("value") is not False
