"""The ledger: one history of transactions, whichever node they came through."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.hash import Hash
from solders.pubkey import Pubkey

from dex.solana.addresses import CLOCK_SYSVAR
from dex.types import Account

from .accounts import Bank
from .faults import Faults
from .meta import transaction_meta
from .runtime import Loaded, Outcome, execute, load
from .slots import FIRST_SLOT, Anchor, SlotClock, clock_account_data
from .store import Record, Store
from .transaction_errors import TransactionError

SYSVAR_OWNER = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
# Statuses that nodes know without searching their history.
STATUS_CACHE_SLOTS = 300
FORGET_EVERY_SLOTS = 50


@dataclass(frozen=True, slots=True)
class Status:
    """Where a transaction landed, and with which error (a JSON value, None: success)."""

    slot: int
    error: Any


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit made durable.

    `records` landed, in order; `accounts` changed; `dropped` are signatures that a fork
    took back.
    """

    records: tuple[Record, ...]
    accounts: tuple[Pubkey, ...]
    dropped: tuple[str, ...]


class Ledger:
    """ ""Accounts, time and landed transactions. Nothing is durable before `commit()`."""

    def __init__(
        self,
        store: Store,
        clock: SlotClock,
        genesis_hash: Hash,
        *,
        faults: Faults | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.genesis_hash = genesis_hash
        self.faults = faults or Faults()
        self.bank = Bank(store.accounts())
        self._forget_at = clock.slot() + FORGET_EVERY_SLOTS
        self._abandoned = False
        # Hears what each commit carried, right after it.
        self.committed: Callable[[Commit], None] | None = None
        self._landed: list[Record] = []
        oldest = clock.slot() - STATUS_CACHE_SLOTS
        self._statuses = {
            signature: Status(slot, error)
            for signature, slot, error in store.since(oldest)
        }

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        genesis: Callable[[], Iterable[tuple[Pubkey, Account]]],
        slot_time_s: float = 0.4,
        slots_to_confirm: int = 0,
        faults: Faults | None = None,
    ) -> Ledger:
        """Open the ledger in a folder, or begin one; its slots go on by the wall clock."""
        store = Store(folder)
        meta = store.meta()
        if "genesis_hash" not in meta:
            meta = _begin(store)
        old = Anchor(
            int(meta["anchor_slot"]),
            float(meta["anchor_time"]),
            float(meta["slot_time_s"]),
        )
        now = time.time() + float(meta["ahead_s"])
        # The last slot that was written down holds even if the host's clock went back.
        slot = max(old.slot_at(now), int(meta.get("last_slot", 0)))
        genesis_hash = Hash.from_string(meta["genesis_hash"])
        clock = SlotClock(
            Anchor(slot, max(now, old.unix_time), slot_time_s),
            genesis_hash=genesis_hash,
            slots_to_confirm=slots_to_confirm,
        )
        ledger = cls(store, clock, genesis_hash, faults=faults)
        ledger.save_clock()
        # All of them in a new ledger; in an old one what newer versions added.
        ledger.put(
            (address, account)
            for address, account in genesis()
            if ledger.bank.get(address) is None
        )
        ledger.commit()
        return ledger

    def account(self, address: Pubkey, slot: int | None = None) -> Account | None:
        """Return an account as of `slot` (None: now)."""
        if address == CLOCK_SYSVAR:
            clock = self.clock.sysvar(self.clock.slot() if slot is None else slot)
            return Account(SYSVAR_OWNER, 1_169_280, clock_account_data(clock))
        return self.bank.get(address, slot)

    def put(self, changes: Iterable[tuple[Pubkey, Account | None]]) -> None:
        """Set accounts outside any transaction, to fund a wallet or pause a pool."""
        self.bank.replace(dict(changes))

    def status(self, signature: str, *, search_history: bool) -> Status | None:
        """Return where a transaction landed; old ones only when history is searched."""
        known = self._statuses.get(signature)
        if known is None and search_history:
            record = self.store.transaction(signature)
            if record is not None:
                known = Status(record.slot, record.error)
        return known

    def check(self, loaded: Loaded, slot: int) -> None:
        """Raise TransactionError unless the transaction is new and not too old."""
        if loaded.signature in self._statuses:
            raise TransactionError("AlreadyProcessed")
        if not self.clock.is_blockhash_valid(loaded.blockhash, slot):
            raise TransactionError("BlockhashNotFound")

    def dry_run(self, loaded: Loaded, slot: int) -> Outcome:
        """Execute without keeping anything, on the accounts of `slot`."""
        return execute(
            loaded,
            lambda address: self.account(address, slot),
            self.clock.sysvar(slot),
        )

    def submit(self, raw: bytes, loaded: Loaded) -> None:
        """Take a transaction: it lands now, after the landing delay, or is dropped."""
        if self.faults.drops():
            return
        if self.faults.landing_delay_s:
            lands_at = self.clock.now() + self.faults.landing_delay_s
            self.store.add_pending(loaded.signature, raw, lands_at)
        else:
            self.land(raw, loaded)

    def land(self, raw: bytes, loaded: Loaded) -> None:
        """Execute and record a transaction, unless it cannot land at all."""
        slot = self.clock.slot()
        if not loaded.has_valid_signatures:
            return
        try:
            self.check(loaded, slot)
            outcome = execute(loaded, self.account, self.clock.sysvar(slot))
        except TransactionError:
            return  # as on a real chain: nobody hears of it again
        record = Record(
            signature=loaded.signature,
            slot=slot,
            block_time=self.clock.unix_timestamp(slot),
            raw=raw,
            error=outcome.error,
            memo=loaded.memo,
            meta=transaction_meta(loaded, outcome, self.account),
        )
        self.bank.write(slot, outcome.changes)
        self._statuses[loaded.signature] = Status(slot, outcome.error)
        self.store.add(record, loaded.keys)
        self._landed.append(record)

    def land_pending(self) -> None:
        """Land what was delayed and is due now."""
        now = self.clock.now()
        due = self.store.pending(now)
        for raw in due:
            self.land(raw, load(raw))
        if due:
            self.store.remove_pending(now)

    def commit(self) -> None:
        """Make everything so far durable. No answer may leave before."""
        changed = self.bank.take_unsaved()
        if changed:
            self.store.put_accounts(changed)
            self.store.set_meta(last_slot=str(self.clock.slot()))
        self.store.commit()
        records, self._landed = tuple(self._landed), []
        if self.committed is not None and (records or changed):
            accounts = tuple(address for address, _ in changed)
            self.committed(Commit(records, accounts, dropped=()))
        if self.clock.slot() >= self._forget_at:
            self._forget_old_statuses()

    def save_clock(self) -> None:
        """Write the anchor down, so that the slots go on after a restart."""
        anchor = self.clock.anchor
        self.store.set_meta(
            anchor_slot=str(anchor.slot),
            anchor_time=repr(anchor.unix_time),
            slot_time_s=repr(anchor.slot_time_s),
            # `localnet_advance` moves this clock ahead of the host's.
            ahead_s=repr(self.clock.now() - time.time()),
        )

    def abandon(self) -> None:
        """Release the file as of the last commit: memory is ahead of what was written."""
        self._abandoned = True
        self.store.abandon()

    def close(self) -> None:
        """Commit what is left and release the file; nothing once it was abandoned."""
        if self._abandoned:
            return
        self.store.set_meta(last_slot=str(self.clock.slot()))
        self.commit()
        self.store.close()

    def _forget_old_statuses(self) -> None:
        slot = self.clock.slot()
        self._forget_at = slot + FORGET_EVERY_SLOTS
        oldest = slot - STATUS_CACHE_SLOTS
        self._statuses = {
            signature: status
            for signature, status in self._statuses.items()
            if status.slot >= oldest
        }


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
