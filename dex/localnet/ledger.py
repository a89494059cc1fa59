"""The ledger: one history of transactions, whichever node they came through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from solders.hash import Hash
from solders.pubkey import Pubkey

from dex.types import Account

from .accounts import Bank
from .faults.slipping import with_highest_floor
from .meta import transaction_meta
from .runtime import Execute, Loaded, Outcome, execute, load
from .slots import SlotClock
from .store import Record, Store
from .sysvars import SYSVARS, sysvar_account
from .transaction_errors import TransactionError

# Statuses that nodes know without searching their history.
STATUS_CACHE_SLOTS = 300
# Of these the newest are in memory; the others are looked up in the file.
REMEMBERED_STATUSES = 5_000
TIDY_EVERY_SLOTS = 25


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
    """Accounts, time and landed transactions. Nothing is durable before `commit()`."""

    def __init__(
        self, store: Store, clock: SlotClock, genesis_hash: Hash, *, ahead_s: float = 0
    ) -> None:
        self.store = store
        self.clock = clock
        self.genesis_hash = genesis_hash
        # How far `advance` has moved this clock ahead of the host's.
        self._ahead_s = ahead_s
        # Up to here a fork takes nothing back, whatever the commitments say.
        self._settled = 0
        self.bank = Bank(
            store.accounts.newest(),
            store.accounts.replaced(),
            kept_slots=clock.kept_slots,
        )
        # Runs transactions: by localnet's own programs, unless told otherwise.
        self.execute: Execute = execute
        # Hears what each commit carried, right after it.
        self.committed: Callable[[Commit], None] | None = None
        self._landed: list[Record] = []
        self._dropped: list[str] = []
        self._recent: dict[str, Status] = {}
        self._newest_landed = store.history.newest_slot()
        self._tidy_at = clock.slot() + TIDY_EVERY_SLOTS
        self._abandoned = False

    def account(self, address: Pubkey, slot: int | None = None) -> Account | None:
        """Return an account as of `slot` (None: now)."""
        if address in SYSVARS:
            now = self.clock.slot() if slot is None else slot
            return sysvar_account(address, self.clock.sysvar(now))
        return self.bank.get(address, slot)

    def put(self, changes: Iterable[tuple[Pubkey, Account | None]]) -> None:
        """Set accounts outside any transaction, at every commitment."""
        for address, account in changes:
            self.bank.put(address, account)

    def status(self, signature: str, *, search_history: bool) -> Status | None:
        """Return where a transaction landed; old ones only when history is searched."""
        known = self._recent.get(signature)
        if known is None:
            landed = self.store.history.landed(signature)
            known = None if landed is None else Status(*landed)
        if known is None or search_history:
            return known
        is_recent = known.slot >= self.clock.slot() - STATUS_CACHE_SLOTS
        return known if is_recent else None

    def check(self, loaded: Loaded, slot: int) -> None:
        """Raise TransactionError unless the transaction is new and not too old."""
        if self.status(loaded.signature, search_history=False) is not None:
            raise TransactionError("AlreadyProcessed")
        if not self.clock.is_blockhash_valid(loaded.blockhash, slot):
            raise TransactionError("BlockhashNotFound")

    def dry_run(self, loaded: Loaded, slot: int) -> Outcome:
        """Execute without keeping anything, on the accounts of `slot`."""
        return self.execute(
            loaded,
            lambda address: self.account(address, slot),
            self.clock.sysvar(slot),
        )

    def land(self, raw: bytes, loaded: Loaded, *, slips: bool = False) -> None:
        """Execute and record a transaction, unless it cannot land at all.

        `slips` lets its swap miss its floor, as though the price had run away.
        """
        slot = self.clock.slot()
        try:
            # First: most are sent through every node, and have landed already.
            self.check(loaded, slot)
            if not loaded.has_valid_signatures:
                return
            executed = with_highest_floor(loaded) if slips else loaded
            outcome = self.execute(executed, self.account, self.clock.sysvar(slot))
        except TransactionError:
            return  # as on a real chain: nobody hears of it again
        record = Record(
            signature=loaded.signature,
            slot=slot,
            block_time=self.clock.unix_timestamp(slot),
            raw=raw,
            error=outcome.error,
            memo=loaded.memo,
            meta=transaction_meta(outcome, self.account),
        )
        self.bank.write(slot, outcome.changes)
        self.store.history.add(record, outcome.loaded.keys)
        self._remember(record)
        self._landed.append(record)
        self._newest_landed = slot

    def land_later(
        self, raw: bytes, loaded: Loaded, lands_at: float, *, slips: bool = False
    ) -> None:
        """Keep a transaction until `lands_at` (Unix seconds); it lands then if it can."""
        self.store.add_pending(loaded.signature, raw, lands_at, slips=slips)

    def land_pending(self) -> None:
        """Land what was delayed and is due now."""
        for raw, slips in self.store.take_pending(self.clock.now()):
            self.land(raw, load(raw), slips=slips)

    def has_unconfirmed(self) -> bool:
        """Say whether anything landed that a fork could still take back."""
        return self._newest_landed > self._unforkable()

    def fork(self, slots: int, lands_at: float) -> int:
        """Take back what landed in the last `slots`, and land it again at `lands_at`.

        Whatever is confirmed stays. Returns how many transactions were taken back.
        """
        slot = max(self.clock.slot() - slots, self._unforkable())
        taken = self.store.history.take_back(slot)
        self.store.accounts.roll_back(slot)
        self.bank.roll_back(slot)
        for signature, raw in taken:
            self._recent.pop(signature, None)
            self.store.add_pending(signature, raw, lands_at)
        self._landed = [record for record in self._landed if record.slot <= slot]
        self._dropped += [signature for signature, _ in taken]
        self._newest_landed = self.store.history.newest_slot()
        return len(taken)

    def commit(self) -> None:
        """Make everything so far durable, then say so. No answer may leave before."""
        changes = self.bank.take_unsaved()
        slot = self.clock.slot()
        tidies = slot >= self._tidy_at
        if tidies:
            self._tidy(slot)
        if changes.newest or tidies:
            self.store.accounts.save(changes)
            self.store.set_meta(last_slot=str(slot))
        self.store.commit()
        commit = Commit(
            tuple(self._landed),
            tuple(address for address, _ in changes.newest),
            tuple(self._dropped),
        )
        self._landed, self._dropped = [], []
        carried = commit.records or commit.accounts or commit.dropped
        if self.committed is not None and carried:
            self.committed(commit)

    def advance(self, slots: int, seconds: float | None) -> None:
        """Move slot, height and clock at once, and land what became due."""
        before = self.clock.now()
        self.clock.advance(slots=slots, seconds=seconds)
        self._ahead_s += self.clock.now() - before
        self.save_clock()
        self.land_pending()

    def settle(self) -> None:
        """Keep all that has landed for good: it was confirmed when less was asked."""
        self._settled = self._newest_landed

    def save_clock(self) -> None:
        """Write the anchor down, so that the slots go on after a restart."""
        anchor = self.clock.anchor
        self.store.set_meta(
            anchor_slot=str(anchor.slot),
            anchor_time=repr(anchor.unix_time),
            slot_time_s=repr(anchor.slot_time_s),
            ahead_s=repr(self._ahead_s),
            slots_to_confirm=str(self.clock.slots_to_confirm),
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

    def _unforkable(self) -> int:
        return max(self.clock.slot_for("confirmed"), self._settled)

    def _remember(self, record: Record) -> None:
        if len(self._recent) >= REMEMBERED_STATUSES:
            del self._recent[next(iter(self._recent))]
        self._recent[record.signature] = Status(record.slot, record.error)

    def _tidy(self, slot: int) -> None:
        """Free the versions of accounts that nobody can ask for any more."""
        self._tidy_at = slot + TIDY_EVERY_SLOTS
        self.bank.forget_before(slot - self.clock.kept_slots)
        self.store.accounts.forget_before(slot - self.clock.kept_slots)
