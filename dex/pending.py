"""The swaps of this process that are under way, applied to what was read of the pools.

Many orders at once would otherwise all quote the same pool as it was before any of them.
A swap counts from the moment its route is chosen until the accounts that were read
certainly hold it (they are of a later slot than it landed in, or of the same and were read
after its landing was known), or until it is known not to land.

Between its landing and the moment this process reads its fill a swap counts twice: it is
in the accounts already and is applied once more. Nothing in the accounts could tell. That
lasts for a round of status polls and one more call, and the error is on the careful side:
for orders in the same direction the quote is too low. For orders the other way it is too
high, which is why an order's floor follows the lower of both quotes. A swap that another
process carries is not known here until the accounts show it.

Only the route and the ranking read this. The simulation, the comparison with it and a quote
made again while building go by the accounts as they were read; so does what ends an order
at once. A pool that only swaps under way make unfit is asked again by the next attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from .errors import QuoteRefused
from .solana.market import PoolKey
from .types import Account, Quote, Snapshot
from .venues.base import Venue

logger = logging.getLogger(__name__)

# For how many slots a landed swap is still remembered: a node that lags may show the
# pool once more as it was before.
LAG_SLOTS = 32
# Swaps that turn out to be in the accounts already are taken out once they are so large a
# part of those applied: each time costs all the others anew.
OUTDATED_PART = 4


@dataclass(eq=False, slots=True)
class Reservation:
    """One swap that is under way. Its pool, amount and direction are those of `quote`.

    What it will pay follows from the accounts it is applied to, so a new quote of the
    same pool changes nothing here.
    """

    quote: Quote
    landed_slot: int | None = None
    landed_at: float = 0.0  # when that was known here, on the clock of Snapshot.read_at
    # Of the first accounts that were read after it was heard to have landed.
    heard_slot: int | None = None

    @property
    def pool(self) -> PoolKey:
        return self.quote.venue, self.quote.pool

    def is_in(self, snapshot: Snapshot) -> bool:
        """Whether the accounts that were read hold the swap for certain.

        Those of the slot of its landing may have been read while that slot went on.
        """
        if self.landed_slot is None or self.landed_slot > snapshot.slot:
            return False
        return self.landed_slot < snapshot.slot or self.landed_at <= snapshot.read_at

    def is_old(self, slot: int) -> bool:
        """Whether it landed, or was heard to, so long ago that no node shows otherwise.

        The slot of its landing is one node's word, and need not ever come.
        """
        is_old_news = (
            self.heard_slot is not None and self.heard_slot <= slot - LAG_SLOTS
        )
        return is_old_news or (
            self.landed_slot is not None and self.landed_slot <= slot - LAG_SLOTS
        )


@dataclass(slots=True)
class _Overlay:
    """What the pending swaps that were tried so far change in one pool."""

    untried: list[Reservation]
    seen: Snapshot  # with these swaps
    changed: dict[Pubkey, Account]
    applied: int = 0
    outdated: int = 0  # of those applied: they were in the accounts already
    is_unknown: bool = False  # what the last one leaves is not known: it ends there


class PendingSwaps:
    """Remembers as many swaps as are under way or landed within the last LAG_SLOTS.

    One more swap costs one `after_swap`; a new snapshot, or the end of a swap that did
    not land, applies those of the pool anew when somebody asks for it. For one event loop.
    """

    def __init__(self, venues: Mapping[str, Venue]) -> None:
        self._venues = venues
        # In the order in which they were reserved; None says nothing.
        self._swaps: dict[PoolKey, dict[Reservation, None]] = {}
        self._base: Snapshot | None = None
        self._overlays: dict[PoolKey, _Overlay] = {}

    def __len__(self) -> int:
        return sum(map(len, self._swaps.values()))

    def reserve(self, quote: Quote) -> Reservation:
        """Count a swap from now on. Call it with no await after the choice of its route."""
        reservation = Reservation(quote)
        self._swaps.setdefault(reservation.pool, {})[reservation] = None
        overlay = self._overlays.get(reservation.pool)
        if overlay is not None:
            overlay.untried.append(reservation)
        return reservation

    def landed(self, reservation: Reservation, slot: int, at: float = 0.0) -> None:
        """Count it only on accounts older than its landing in `slot`.

        `at` is when that was known, on the clock of `Snapshot.read_at`.
        """
        reservation.landed_slot, reservation.landed_at = slot, at
        overlay = self._overlays.get(reservation.pool)
        if overlay is None or self._base is None or not reservation.is_in(self._base):
            return
        overlay.outdated += 1
        if overlay.outdated * OUTDATED_PART >= overlay.applied:
            del self._overlays[reservation.pool]

    def release(self, reservation: Reservation) -> None:
        """Count it no more: it will not land. Does nothing when it is forgotten already."""
        swaps = self._swaps.get(reservation.pool, {})
        if reservation in swaps:
            del swaps[reservation]
            self._overlays.pop(reservation.pool, None)
        if not swaps:
            self._swaps.pop(reservation.pool, None)

    def applied_to(self, snapshot: Snapshot, pools: Collection[PoolKey]) -> Snapshot:
        """Return the snapshot as it will be once the pending swaps of `pools` landed."""
        if snapshot is not self._base:
            self._begin(snapshot)
        overlays = [self._overlay(pool, snapshot) for pool in pools]
        moved = [overlay for overlay in overlays if overlay.changed]
        if not moved:
            return snapshot
        if len(moved) == 1:
            return moved[0].seen
        changed: dict[Pubkey, Account] = {}
        for overlay in moved:
            changed |= overlay.changed
        return _with(snapshot, changed)

    def applied_in(self, pool: PoolKey) -> int:
        """How many swaps the last `applied_to` applied in a pool."""
        overlay = self._overlays.get(pool)
        return overlay.applied if overlay else 0

    def _begin(self, snapshot: Snapshot) -> None:
        """Start anew from these accounts; forget what they have held for long."""
        self._base = snapshot
        self._overlays.clear()
        for pool, swaps in list(self._swaps.items()):
            landed = [swap for swap in swaps if swap.landed_slot is not None]
            for reservation in landed:
                reservation.heard_slot = reservation.heard_slot or snapshot.slot
                if reservation.is_old(snapshot.slot):
                    del swaps[reservation]
            if not swaps:
                del self._swaps[pool]

    def _overlay(self, pool: PoolKey, snapshot: Snapshot) -> _Overlay:
        overlay = self._overlays.get(pool)
        if overlay is None:
            swaps = self._swaps.get(pool, ())
            untried = [
                swap
                for swap in swaps
                if swap.landed_slot is None or not swap.is_in(snapshot)
            ]
            overlay = _Overlay(untried, snapshot, {})
            self._overlays[pool] = overlay
        untried, overlay.untried = overlay.untried, []
        for reservation in untried:
            if not overlay.is_unknown:
                self._apply(reservation, overlay)
        return overlay

    def _apply(self, reservation: Reservation, overlay: _Overlay) -> None:
        venue = self._venues[reservation.quote.venue]
        try:
            changed = venue.after_swap(reservation.quote, overlay.seen)
        except QuoteRefused as refusal:
            # Where the program would refuse, the swap changes nothing in the pool.
            overlay.is_unknown = refusal.code == "unsupported"
        except Exception:
            # One odd pool must not keep every order from being routed.
            logger.exception("%s cannot apply a swap to %s", *reservation.pool)
            overlay.is_unknown = True
        else:
            overlay.applied += 1
            overlay.changed |= changed
            overlay.seen = _with(overlay.seen, changed)


def _with(snapshot: Snapshot, changed: Mapping[Pubkey, Account]) -> Snapshot:
    accounts = {**snapshot.accounts, **changed}
    return Snapshot(snapshot.slot, snapshot.clock, accounts, snapshot.read_at)
