"""Open the ledger of a folder, or begin one; its slots go on by the wall clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from solders.hash import Hash
from solders.pubkey import Pubkey

from dex.types import Account

from .ledger import Ledger
from .slots import FIRST_SLOT, SLOTS_TO_FINALIZE, Anchor, SlotClock
from .store import Store


def open_ledger(
    folder: Path,
    *,
    genesis: Callable[[], Iterable[tuple[Pubkey, Account]]],
    slot_time_s: float = 0.4,
    slots_to_confirm: int = 0,
    slots_to_finalize: int = SLOTS_TO_FINALIZE,
) -> Ledger:
    """Return the ledger in a folder. Raises LedgerUnusable."""
    store = Store(folder)
    meta = store.meta()
    if "genesis_hash" not in meta:
        meta = _begin(store)
    genesis_hash = Hash.from_string(meta["genesis_hash"])
    ledger = Ledger(
        store,
        SlotClock(
            _next_anchor(meta, slot_time_s),
            genesis_hash=genesis_hash,
            slots_to_confirm=slots_to_confirm,
            slots_to_finalize=slots_to_finalize,
        ),
        genesis_hash,
        ahead_s=float(meta["ahead_s"]),
    )
    if slots_to_confirm > int(meta.get("slots_to_confirm", 0)):
        ledger.settle()
    ledger.save_clock()
    # All of them in a new ledger; in an old one what newer versions added.
    ledger.put(
        (address, account)
        for address, account in genesis()
        if ledger.bank.get(address) is None
    )
    ledger.commit()
    return ledger


def _next_anchor(meta: dict[str, str], slot_time_s: float) -> Anchor:
    """Go on from where the ledger was; neither slot nor time ever goes back."""
    old = Anchor(
        int(meta["anchor_slot"]),
        float(meta["anchor_time"]),
        float(meta["slot_time_s"]),
    )
    now = time.time() + float(meta["ahead_s"])
    # What was written down last holds even if the host's clock went back.
    slot = max(old.slot_at(now), int(meta.get("last_slot", 0)))
    return Anchor(slot, max(now, old.time_of(slot)), slot_time_s)


def _begin(store: Store) -> dict[str, str]:
    """Write the first facts of a new ledger; its genesis hash is random."""
    meta = {
        "genesis_hash": str(Hash(os.urandom(32))),
        "anchor_slot": str(FIRST_SLOT),
        "anchor_time": repr(time.time()),
        "slot_time_s": "1.0",
        "ahead_s": "0.0",
    }
    store.set_meta(**meta)
    return meta
