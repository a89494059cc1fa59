"""Accounts on disk: the newest state of each, and the states that slots before had."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from solders.pubkey import Pubkey

from dex.types import Account

from .accounts import Changes, Version


class AccountTables:
    """Reads and writes of accounts; nothing is durable before the store's commit."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def newest(self) -> Iterable[tuple[Pubkey, Account]]:
        for address, owner, lamports, data in self._db.execute(
            "SELECT address, owner, lamports, data FROM accounts"
        ):
            yield Pubkey(address), Account(Pubkey(owner), lamports, data)

    def replaced(self) -> Iterable[Version]:
        for address, written, replaced, owner, lamports, data in self._db.execute(
            "SELECT address, written, replaced, owner, lamports, data FROM versions"
        ):
            account = None if owner is None else Account(Pubkey(owner), lamports, data)
            yield Version(Pubkey(address), written, replaced, account)

    def save(self, changes: Changes) -> None:
        self._db.executemany(
            "DELETE FROM versions WHERE address = ?",
            [(bytes(address),) for address in changes.adjusted],
        )
        self._db.executemany(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)",
            [
                (bytes(each.address), each.written, each.replaced, *_row(each.account))
                for each in changes.replaced
            ],
        )
        self._db.executemany(
            "REPLACE INTO accounts VALUES (?, ?, ?, ?)",
            [
                (bytes(address), *_row(account))
                for address, account in changes.newest
                if account is not None
            ],
        )
        self._db.executemany(
            "DELETE FROM accounts WHERE address = ?",
            [(bytes(address),) for address, new in changes.newest if new is None],
        )

    def roll_back(self, slot: int) -> None:
        """Forget the versions that slots after `slot` replaced."""
        self._db.execute("DELETE FROM versions WHERE replaced > ?", (slot,))

    def forget_before(self, slot: int) -> None:
        """Forget the versions that were replaced by `slot`."""
        self._db.execute("DELETE FROM versions WHERE replaced <= ?", (slot,))


def _row(account: Account | None) -> tuple[bytes | None, int, bytes]:
    if account is None:
        return None, 0, b""
    return bytes(account.owner), account.lamports, account.data
