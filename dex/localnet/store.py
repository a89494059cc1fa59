"""The ledger on disk: one SQLite file, synced at every commit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.types import Account

from .schema import COLUMNS, FORMAT, SCHEMA

START_AFRESH = (
    "Check the disk, or remove the folder to begin a new chain; the orders of the old one "
    "then need another database (on the embedded default, remove var/ as a whole)."
)


class LedgerUnusable(Exception):
    """The ledger cannot be opened; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One landed transaction. `error` and `meta` are JSON values as nodes show them."""

    signature: str
    slot: int
    block_time: int
    raw: bytes
    error: Any
    memo: str | None
    meta: dict[str, Any]


class Store:
    """Reads and writes of the ledger's file; nothing is durable before `commit()`."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "ledger.sqlite3", timeout=1)
            self._open()
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                raise LedgerUnusable(
                    f"The ledger {folder} is in use by another localnet. Stop it, or "
                    "give this one another --ledger."
                ) from error
            raise LedgerUnusable(
                f"The ledger {folder} cannot be opened: {error}. {START_AFRESH}"
            ) from error
        self._address_ids: dict[Pubkey, int] = {}

    def _open(self) -> None:
        # One process per ledger: the memory of a second one would be stale.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and found != FORMAT:
            raise sqlite3.DatabaseError(
                f"it has format {found}, and this version of localnet writes {FORMAT}"
            )
        self._db.executescript(f"{SCHEMA} PRAGMA user_version = {FORMAT};")

    def commit(self) -> None:
        self._db.commit()

    def abandon(self) -> None:
        """Undo what is not committed, and close."""
        self._db.rollback()
        self._db.close()

    def close(self) -> None:
        self._db.close()

    def meta(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT name, value FROM meta"))

    def set_meta(self, **values: str) -> None:
        self._db.executemany("REPLACE INTO meta VALUES (?, ?)", values.items())

    def accounts(self) -> Iterable[tuple[Pubkey, Account]]:
        for address, owner, lamports, data in self._db.execute(
            "SELECT address, owner, lamports, data FROM accounts"
        ):
            yield Pubkey(address), Account(Pubkey(owner), lamports, data)

    def put_accounts(self, changes: Iterable[tuple[Pubkey, Account | None]]) -> None:
        changes = list(changes)
        self._db.executemany(
            "REPLACE INTO accounts VALUES (?, ?, ?, ?)",
            [
                (bytes(address), bytes(account.owner), account.lamports, account.data)
                for address, account in changes
                if account is not None
            ],
        )
        self._db.executemany(
            "DELETE FROM accounts WHERE address = ?",
            [(bytes(address),) for address, account in changes if account is None],
        )

    def add(self, record: Record, mentions: Iterable[Pubkey]) -> None:
        """Append a landed transaction and index it under the addresses it mentions."""
        cursor = self._db.execute(
            "INSERT INTO transactions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.signature,
                record.slot,
                record.block_time,
                record.raw,
                json.dumps(record.error),
                record.memo,
                json.dumps(record.meta),
            ),
        )
        self._db.executemany(
            "INSERT INTO mentions VALUES (?, ?)",
            [(self._address_id(address), cursor.lastrowid) for address in mentions],
        )

    def transaction(self, signature: str) -> Record | None:
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM transactions WHERE signature = ?", (signature,)
        ).fetchone()
        return None if row is None else _record(row)

    def count(self) -> int:
        row = self._db.execute("SELECT coalesce(max(id), 0) FROM transactions")
        found: int = row.fetchone()[0]
        return found

    def since(self, slot: int) -> Iterable[tuple[str, int, Any]]:
        """Iterate over (signature, slot, error) of what landed in `slot` or later."""
        for signature, landed, error in self._db.execute(
            "SELECT signature, slot, error FROM transactions WHERE slot >= ?", (slot,)
        ):
            yield signature, landed, json.loads(error)

    def mentioning(
        self,
        address: Pubkey,
        *,
        before: str | None,
        until: str | None,
        newest_slot: int,
        limit: int,
    ) -> list[Record]:
        """Return landed transactions that mention `address`, newest first."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM mentions JOIN transactions ON id = transaction_id "
            "WHERE address_id = (SELECT id FROM addresses WHERE address = :address) "
            # An unknown `before` finds nothing, an unknown `until` stops nothing.
            "AND (:before IS NULL OR transaction_id < "
            "  (SELECT id FROM transactions WHERE signature = :before)) "
            "AND transaction_id > coalesce("
            "  (SELECT id FROM transactions WHERE signature = :until), 0) "
            "AND slot <= :slot ORDER BY transaction_id DESC LIMIT :limit",
            {
                "address": bytes(address),
                "before": before,
                "until": until,
                "slot": newest_slot,
                "limit": limit,
            },
        )
        return [_record(row) for row in rows]

    def forget(self, address: Pubkey, *, keep: int) -> None:
        """Delete the transactions that mention `address`, but for the newest `keep`."""
        rows = self._db.execute(
            "SELECT id, raw FROM mentions JOIN transactions ON id = transaction_id "
            "WHERE address_id = ? ORDER BY transaction_id DESC LIMIT -1 OFFSET ?",
            (self._address_id(address), keep),
        )
        for identity, raw in rows.fetchall():
            keys = VersionedTransaction.from_bytes(raw).message.account_keys
            self._db.executemany(
                "DELETE FROM mentions WHERE address_id = ? AND transaction_id = ?",
                [(self._address_id(key), identity) for key in keys],
            )
            self._db.execute("DELETE FROM transactions WHERE id = ?", (identity,))

    def add_pending(self, signature: str, raw: bytes, lands_at: float) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO pending VALUES (?, ?, ?)", (signature, raw, lands_at)
        )

    def pending(self, until: float) -> list[bytes]:
        """Return the bytes of the transactions that are due, oldest first."""
        return [
            raw
            for (raw,) in self._db.execute(
                "SELECT raw FROM pending WHERE lands_at <= ? ORDER BY lands_at, rowid",
                (until,),
            )
        ]

    def next_pending(self) -> float | None:
        """Return when the next pending transaction lands (Unix seconds)."""
        row = self._db.execute("SELECT min(lands_at) FROM pending").fetchone()
        return None if row is None else row[0]

    def remove_pending(self, until: float) -> None:
        self._db.execute("DELETE FROM pending WHERE lands_at <= ?", (until,))

    def _address_id(self, address: Pubkey) -> int:
        known = self._address_ids.get(address)
        if known is not None:
            return known
        key = (bytes(address),)
        self._db.execute("INSERT OR IGNORE INTO addresses VALUES (NULL, ?)", key)
        row = self._db.execute("SELECT id FROM addresses WHERE address = ?", key)
        if len(self._address_ids) > 10_000:
            self._address_ids.clear()
        found: int = row.fetchone()[0]
        self._address_ids[address] = found
        return found


def _record(row: tuple[Any, ...]) -> Record:
    _, signature, slot, block_time, raw, error, memo, meta = row
    return Record(
        signature, slot, block_time, raw, json.loads(error), memo, json.loads(meta)
    )
