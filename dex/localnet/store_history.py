"""Landed transactions on disk, with an index of the addresses that they mention."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

COLUMNS = "id, signature, slot, block_time, raw, error, memo, meta"
# Addresses whose number is remembered; the others are looked up.
KNOWN_ADDRESSES = 10_000
# Whoever sent a transaction asks for it as soon as it has landed: so many of the newest
# are at hand, at about 8 kB each, and need not be read back.
NEWEST_RECORDS = 500


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


class History:
    """Reads and writes of records; nothing is durable before the store's commit."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._address_ids: dict[Pubkey, int] = {}
        self._newest: dict[str, Record] = {}

    def add(self, record: Record, mentions: Sequence[Pubkey]) -> None:
        """Append a landed transaction and index it under the addresses it mentions.

        The first of them paid its fee.
        """
        addresses = [self._address_id(address) for address in mentions]
        cursor = self._db.execute(
            "INSERT INTO transactions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.signature,
                record.slot,
                record.block_time,
                record.raw,
                json.dumps(record.error),
                record.memo,
                json.dumps(record.meta),
                addresses[0],
            ),
        )
        self._db.executemany(
            "INSERT INTO mentions VALUES (?, ?)",
            [(address, cursor.lastrowid) for address in addresses],
        )
        if len(self._newest) >= NEWEST_RECORDS:
            del self._newest[next(iter(self._newest))]
        self._newest[record.signature] = record

    def transaction(self, signature: str) -> Record | None:
        if signature in self._newest:
            return self._newest[signature]
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM transactions WHERE signature = ?", (signature,)
        ).fetchone()
        return None if row is None else _record(row)

    def landed(self, signature: str) -> tuple[int, Any] | None:
        """Return the slot and the error of a transaction, None when it has not landed."""
        row = self._db.execute(
            "SELECT slot, error FROM transactions WHERE signature = ?", (signature,)
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def newest_slot(self) -> int:
        """Return the slot in which a transaction landed last, 0 when none has."""
        row = self._db.execute("SELECT coalesce(max(slot), 0) FROM transactions")
        found: int = row.fetchone()[0]
        return found

    def count(self, until_slot: int | None = None) -> int:
        """Return how many transactions have landed, up to a slot (None: now)."""
        row = self._db.execute(
            "SELECT id FROM transactions WHERE :slot IS NULL OR slot <= :slot "
            "ORDER BY id DESC LIMIT 1",
            {"slot": until_slot},
        ).fetchone()
        return 0 if row is None else int(row[0])

    def landed_in(self, slot: int) -> list[Record]:
        """Return the transactions of one slot, in the order in which they landed."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM transactions WHERE slot = ? ORDER BY id", (slot,)
        )
        return [_record(row) for row in rows]

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

    def forget(self, payer: Pubkey, *, keep: int, before_slot: int) -> None:
        """Delete what `payer` paid for before a slot, but for the newest `keep`."""
        self._delete(
            self._db.execute(
                "SELECT id, signature, raw, meta FROM transactions "
                "WHERE slot < ? AND id IN "
                "(SELECT id FROM transactions WHERE payer = ? "
                " ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (before_slot, self._address_id(payer), keep),
            ).fetchall()
        )

    def take_back(self, slot: int) -> list[tuple[str, bytes]]:
        """Delete what landed after `slot`; return signatures and bytes in their order."""
        rows = self._db.execute(
            "SELECT id, signature, raw, meta FROM transactions WHERE slot > ? "
            "ORDER BY id",
            (slot,),
        ).fetchall()
        self._delete(rows)
        return [(signature, raw) for _, signature, raw, _ in rows]

    def _delete(self, rows: Sequence[Sequence[Any]]) -> None:
        """Delete transactions by (id, signature, raw, meta), with what mentions them."""
        for identity, signature, raw, meta in rows:
            self._newest.pop(signature, None)
            loaded = json.loads(meta)["loadedAddresses"]
            keys = [
                *VersionedTransaction.from_bytes(raw).message.account_keys,
                *map(Pubkey.from_string, loaded["writable"] + loaded["readonly"]),
            ]
            self._db.executemany(
                "DELETE FROM mentions WHERE address_id = ? AND transaction_id = ?",
                [(self._address_id(key), identity) for key in keys],
            )
            self._db.execute("DELETE FROM transactions WHERE id = ?", (identity,))

    def _address_id(self, address: Pubkey) -> int:
        known = self._address_ids.get(address)
        if known is not None:
            return known
        key = (bytes(address),)
        self._db.execute("INSERT OR IGNORE INTO addresses VALUES (NULL, ?)", key)
        row = self._db.execute("SELECT id FROM addresses WHERE address = ?", key)
        if len(self._address_ids) >= KNOWN_ADDRESSES:
            self._address_ids.clear()
        found: int = row.fetchone()[0]
        self._address_ids[address] = found
        return found


def _record(row: tuple[Any, ...]) -> Record:
    _, signature, slot, block_time, raw, error, memo, meta = row
    return Record(
        signature, slot, block_time, raw, json.loads(error), memo, json.loads(meta)
    )
