"""The tables of a ledger's file."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    address BLOB PRIMARY KEY, owner BLOB NOT NULL, lamports INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS transactions (
    id INTEGER PRIMARY KEY, signature TEXT NOT NULL UNIQUE, slot INTEGER NOT NULL,
    block_time INTEGER NOT NULL, raw BLOB NOT NULL, error TEXT NOT NULL,
    memo TEXT, meta TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS transactions_slot ON transactions (slot);
CREATE TABLE IF NOT EXISTS addresses (id INTEGER PRIMARY KEY, address BLOB UNIQUE);
CREATE TABLE IF NOT EXISTS mentions (
    address_id INTEGER, transaction_id INTEGER,
    PRIMARY KEY (address_id, transaction_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    signature TEXT PRIMARY KEY, raw BLOB NOT NULL, lands_at REAL NOT NULL
);
"""
# Raised when a ledger written before can no longer be read.
FORMAT = 1
COLUMNS = "id, signature, slot, block_time, raw, error, memo, meta"
