"""Time on localnet: slots follow the wall clock, and everything else follows the slot.

Height, blockhash and block time are functions of the slot, so that nothing has to be
written while nobody trades, and every answer about one slot is the same.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from solders.hash import Hash

from dex.types import Clock

FIRST_SLOT = 10_000
# Slots without a block: on a real chain the height is behind the slot, too.
SKIPPED_SLOTS = 500
SLOTS_PER_EPOCH = 432_000
SLOTS_TO_FINALIZE = 32
# A node may be told to lag by at most this many slots.
MAX_LAG_SLOTS = 150
# A transaction may land up to this many blocks after the block of its blockhash.
MAX_BLOCKHASH_AGE = 150


@dataclass(frozen=True, slots=True)
class Anchor:
    """A slot and the moment (Unix seconds) at which it began."""

    slot: int
    unix_time: float
    slot_time_s: float

    def slot_at(self, unix_time: float) -> int:
        elapsed = max(0.0, unix_time - self.unix_time)
        return self.slot + int(elapsed / self.slot_time_s)

    def time_of(self, slot: int) -> float:
        """Return when a slot begins, in Unix seconds."""
        return self.unix_time + (slot - self.slot) * self.slot_time_s


class SlotClock:
    """Count slots from an anchor; within one process time never runs backwards."""

    def __init__(
        self,
        anchor: Anchor,
        *,
        genesis_hash: Hash,
        slots_to_confirm: int = 0,
        slots_to_finalize: int = SLOTS_TO_FINALIZE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._started = monotonic()
        self.anchor = anchor
        self._genesis_hash = genesis_hash
        self.slots_to_confirm = slots_to_confirm
        self.slots_to_finalize = slots_to_finalize
        self._blockhash_slots: dict[Hash, int] = {}
        self._newest_known = 0

    def now(self) -> float:
        """Return the Unix time that this clock shows, in seconds."""
        return self.anchor.unix_time + self._monotonic() - self._started

    def slot(self) -> int:
        return self.anchor.slot_at(self.now())

    def slot_for(self, commitment: str) -> int:
        """Return the newest slot at `commitment`: processed, confirmed or finalized."""
        behind = {
            "processed": 0,
            "confirmed": self.slots_to_confirm,
            "finalized": self.slots_to_finalize,
        }
        return self.slot() - behind[commitment]

    @property
    def kept_slots(self) -> int:
        """Return how far back anyone can look: finalized, on the node that lags most."""
        return self.slots_to_finalize + MAX_LAG_SLOTS

    def commitment_of(self, slot: int, newest: int | None = None) -> str:
        """Say how settled a transaction of `slot` is when `newest` (None: now) is."""
        depth = (self.slot() if newest is None else newest) - slot
        if depth >= self.slots_to_finalize:
            return "finalized"
        return "confirmed" if depth >= self.slots_to_confirm else "processed"

    @staticmethod
    def height(slot: int) -> int:
        return slot - SKIPPED_SLOTS

    def time_of(self, slot: int) -> float:
        """Return when a slot begins, in Unix seconds of this clock."""
        return self.anchor.time_of(slot)

    def unix_timestamp(self, slot: int) -> int:
        """Return the block time of a slot: one for the whole slot."""
        return int(self.time_of(slot))

    def sysvar(self, slot: int) -> Clock:
        return Clock(slot, slot // SLOTS_PER_EPOCH, self.unix_timestamp(slot))

    def blockhash(self, slot: int) -> Hash:
        seed = bytes(self._genesis_hash) + slot.to_bytes(8, "little")
        return Hash(hashlib.sha256(seed).digest())

    def blockhash_slot(self, blockhash: Hash) -> int | None:
        """Return the slot of a recent blockhash, None when it is unknown or too old."""
        newest = self.slot()
        oldest = newest - MAX_BLOCKHASH_AGE - self.kept_slots
        for slot in range(max(self._newest_known + 1, oldest), newest + 1):
            self._blockhash_slots[self.blockhash(slot)] = slot
        self._newest_known = max(self._newest_known, newest)
        if len(self._blockhash_slots) > 2 * (newest - oldest):
            self._blockhash_slots = {
                known: slot
                for known, slot in self._blockhash_slots.items()
                if slot >= oldest
            }
        return self._blockhash_slots.get(blockhash)

    def is_blockhash_valid(self, blockhash: Hash, bank_slot: int) -> bool:
        """Say whether a transaction with this blockhash may land in `bank_slot`."""
        slot = self.blockhash_slot(blockhash)
        return slot is not None and 0 <= bank_slot - slot <= MAX_BLOCKHASH_AGE

    def advance(self, *, slots: int = 0, seconds: float | None = None) -> None:
        """Move the slot and the clock at once; `seconds` defaults to the slots' time."""
        now = self.now()
        into_slot = (now - self.anchor.unix_time) % self.anchor.slot_time_s
        if seconds is None:
            seconds = slots * self.anchor.slot_time_s
        self.anchor = Anchor(
            self.slot() + slots,
            now - into_slot + seconds,
            self.anchor.slot_time_s,
        )
        self._started = self._monotonic() - into_slot


def clock_account_data(clock: Clock) -> bytes:
    """Encode the Clock sysvar: slot, epoch start, epoch, leader schedule epoch, time."""
    return struct.pack(
        "<QqQQq", clock.slot, 0, clock.epoch, clock.epoch + 1, clock.unix_timestamp
    )
