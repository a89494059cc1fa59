"""The tables of a ledger's file."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    address BLOB PRIMARY KEY, owner BLOB NOT NULL, lamports INTEGER NOT NULL,
    data BLOB NOT NULL
);
-- Earlier states of accounts, for reads at older slots and for forks; no owner: none.
CREATE TABLE IF NOT EXISTS versions (
    address BLOB NOT NULL, written INTEGER NOT NULL, replaced INTEGER NOT NULL,
    owner BLOB, lamports INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_replaced ON versions (replaced);
CREATE INDEX IF NOT EXISTS versions_address ON versions (address);
CREATE TABLE IF NOT EXISTS transactions (
    id INTEGER PRIMARY KEY, signature TEXT NOT NULL UNIQUE, slot INTEGER NOT NULL,
    block_time INTEGER NOT NULL, raw BLOB NOT NULL, error TEXT NOT NULL,
    memo TEXT, meta BLOB NOT NULL, payer INTEGER
);
CREATE INDEX IF NOT EXISTS transactions_slot ON transactions (slot);
CREATE INDEX IF NOT EXISTS transactions_payer ON transactions (payer);
-- The payers of fees and whatever transactions mention.
CREATE TABLE IF NOT EXISTS addresses (id INTEGER PRIMARY KEY, address BLOB UNIQUE);
CREATE TABLE IF NOT EXISTS mentions (
    address_id INTEGER, transaction_id INTEGER,
    PRIMARY KEY (address_id, transaction_id)
) WITHOUT ROWID;
-- Sent, and not landed yet; `slips` when its swap is to miss its floor.
CREATE TABLE IF NOT EXISTS pending (
    signature TEXT PRIMARY KEY, raw BLOB NOT NULL, lands_at REAL NOT NULL,
    slips INTEGER NOT NULL DEFAULT 0
);
"""
# Raised when the tables change; UPGRADES says how a ledger of before gets there.
FORMAT = 3
UPGRADES = {
    1: "ALTER TABLE pending ADD COLUMN slips INTEGER NOT NULL DEFAULT 0;",
    # Who paid for what landed before is not known any more.
    2: "ALTER TABLE transactions ADD COLUMN payer INTEGER;",
}
