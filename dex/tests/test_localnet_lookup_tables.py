"""Swaps that load their accounts from an address lookup table, on a running ledger."""

from __future__ import annotations

import struct
from contextlib import closing

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet import genesis
from dex.localnet.fork.load import Fork
from dex.localnet.funding import fund
from dex.localnet.ledger import Ledger
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.opening import open_ledger
from dex.localnet.runtime import load
from dex.localnet.testing import land
from dex.localnet.transaction_errors import TransactionError
from dex.solana.addresses import LOOKUP_TABLE_PROGRAM, SYSTEM_PROGRAM

WALLET = Keypair.from_seed(bytes([9]) * 32)
OWNER = WALLET.pubkey()


@pytest.fixture
def ledger(tmp_path):
    with closing(open_ledger(tmp_path, genesis=genesis.accounts)) as ledger:
        ledger.clock.advance(slots=600, seconds=1)
        fund(ledger, Fork(), OWNER)
        yield ledger


def make_table(ledger: Ledger, addresses: list[Pubkey]) -> Pubkey:
    """Create a lookup table and put the addresses into it."""
    recent = ledger.clock.slot() - 1
    seeds = [bytes(OWNER), struct.pack("<Q", recent)]
    table, bump = Pubkey.find_program_address(seeds, LOOKUP_TABLE_PROGRAM)
    accounts = [
        AccountMeta(table, is_signer=False, is_writable=True),
        AccountMeta(OWNER, is_signer=True, is_writable=False),
        AccountMeta(OWNER, is_signer=True, is_writable=True),
        AccountMeta(SYSTEM_PROGRAM, is_signer=False, is_writable=False),
    ]
    create = struct.pack("<IQB", 0, recent, bump)
    extend = struct.pack("<IQ", 2, len(addresses)) + b"".join(map(bytes, addresses))
    record = land(
        ledger,
        WALLET,
        Instruction(LOOKUP_TABLE_PROGRAM, create, accounts),
        Instruction(LOOKUP_TABLE_PROGRAM, extend, accounts),
    )
    assert record is not None
    assert record.error is None, record.meta["logMessages"]
    return table


def swap(ledger: Ledger) -> Instruction:
    """Return a swap in the first pool of Raydium."""
    pool = next(pool for pool in genesis.pools() if pool.venue == "raydium")
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(ledger, venue, pool.address)
    quote = venue.quote(pool.address, snapshot, pool.base.mint, 10**9)
    return venue.swap_instruction(quote, snapshot, user=OWNER, min_amount_out=1)


def signed(
    ledger: Ledger, table: Pubkey, addresses: list[Pubkey], instruction: Instruction
) -> bytes:
    message = MessageV0.try_compile(
        OWNER,
        [instruction],
        [AddressLookupTableAccount(table, addresses)],
        ledger.clock.blockhash(ledger.clock.slot()),
    )
    return bytes(VersionedTransaction(message, [WALLET]))


def test_swap_loads_its_accounts_from_a_table_one_slot_after_it_was_filled(ledger):
    instruction = swap(ledger)
    addresses = [meta.pubkey for meta in instruction.accounts if not meta.is_signer]
    table = make_table(ledger, addresses)
    raw = signed(ledger, table, addresses, instruction)

    with pytest.raises(TransactionError, match="lookup uses an invalid index"):
        ledger.dry_run(load(raw), ledger.clock.slot())
    ledger.clock.advance(slots=1)
    raw = signed(ledger, table, addresses, instruction)
    ledger.land(raw, load(raw))

    record = ledger.store.history.transaction(load(raw).signature)
    assert record is not None
    assert record.error is None, record.meta["logMessages"]
    loaded = record.meta["loadedAddresses"]
    assert {*loaded["writable"], *loaded["readonly"]} == set(map(str, addresses))
    assert len(record.meta["preBalances"]) == 2 + len(set(addresses))
    assert load(raw).static_keys == [OWNER, instruction.program_id]


def test_swap_through_a_table_changes_what_it_would_without(ledger):
    instruction = swap(ledger)
    addresses = [meta.pubkey for meta in instruction.accounts if not meta.is_signer]
    table = make_table(ledger, addresses)
    ledger.clock.advance(slots=1)
    slot = ledger.clock.slot()

    through = ledger.dry_run(load(signed(ledger, table, addresses, instruction)), slot)
    plain = ledger.dry_run(load(signed(ledger, table, [], instruction)), slot)

    assert through.error is None
    assert through.changes == plain.changes
    assert through.units == plain.units


def test_table_that_is_not_there_is_named(ledger):
    instruction = swap(ledger)
    addresses = [meta.pubkey for meta in instruction.accounts if not meta.is_signer]
    raw = signed(ledger, Pubkey(bytes([7]) * 32), addresses, instruction)

    with pytest.raises(
        TransactionError, match="address table account that doesn't exist"
    ):
        ledger.dry_run(load(raw), ledger.clock.slot())
