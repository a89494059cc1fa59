"""The ledger on disk: one SQLite file, synced at every commit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from .schema import FORMAT, SCHEMA, UPGRADES
from .store_accounts import AccountTables
from .store_history import History, Record

START_AFRESH = (
    "Check the disk, or remove the folder to begin a new chain; the orders of the old one "
    "then need another database (on the embedded default, remove var/ as a whole)."
)


class LedgerUnusable(Exception):
    """The ledger cannot be opened; the message says why, and what to do."""


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
        self.accounts = AccountTables(self._db)
        self.history = History(self._db)

    def _open(self) -> None:
        # One process per ledger: the memory of a second one would be stale.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        upgrade = ""
        if tables and found != FORMAT:
            if found not in UPGRADES:
                raise sqlite3.DatabaseError(
                    f"it has format {found}, and this version of localnet writes {FORMAT}"
                )
            upgrade = "".join(UPGRADES[step] for step in range(found, FORMAT))
        self._db.executescript(
            f"BEGIN; {upgrade} {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;"
        )

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

    def add_pending(
        self, signature: str, raw: bytes, lands_at: float, *, slips: bool = False
    ) -> None:
        """Keep a transaction until it lands (Unix seconds); the first time given holds."""
        self._db.execute(
            "INSERT OR IGNORE INTO pending VALUES (?, ?, ?, ?)",
            (signature, raw, lands_at, slips),
        )

    def take_pending(self, until: float) -> list[tuple[bytes, bool]]:
        """Remove what is due, oldest first; return bytes and whether the swap slips."""
        due = self._db.execute(
            "SELECT raw, slips FROM pending WHERE lands_at <= ? ORDER BY lands_at, rowid",
            (until,),
        ).fetchall()
        if due:
            self._db.execute("DELETE FROM pending WHERE lands_at <= ?", (until,))
        return [(raw, bool(slips)) for raw, slips in due]


__all__ = ["LedgerUnusable", "Record", "Store"]
