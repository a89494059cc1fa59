"""Localnet's slots, clock and commitments, and what a restart keeps."""

from __future__ import annotations

import sqlite3
import struct
import time

import pytest

from dex.localnet.network import Network
from dex.localnet.runtime import load
from dex.localnet.store import LedgerUnusable
from dex.localnet.testing import land
from dex.solana.addresses import CLOCK_SYSVAR

from .ledger_client import (
    OTHER,
    SOL,
    WALLET,
    lamports,
    land_raw,
    open_network,
    pay,
    signed,
)


def test_clock_follows_the_slot(network):
    def clock() -> tuple[int, int, int]:
        account = network.ledger.account(CLOCK_SYSVAR)
        assert account is not None
        slot, _, epoch, _, unix_timestamp = struct.unpack("<QqQQq", account.data)
        return slot, epoch, unix_timestamp

    before = clock()
    network.advance(3, None)
    later = clock()
    network.advance(432_000, 60)

    assert later == (before[0] + 3, 0, before[2] + 3 * 3600)
    assert clock() == (later[0] + 432_000, 1, later[2] + 60)


def test_older_commitments_see_older_accounts(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    ledger, clock = network.ledger, network.ledger.clock
    record = land(ledger, WALLET, pay(SOL))
    assert record is not None

    def seen(commitment: str) -> bool:
        return ledger.account(OTHER, clock.slot_for(commitment)) is not None

    assert clock.commitment_of(record.slot) == "processed"
    assert (seen("processed"), seen("confirmed")) == (True, False)
    clock.advance(slots=2)
    assert clock.commitment_of(record.slot) == "confirmed"
    assert (seen("confirmed"), seen("finalized")) == (True, False)
    clock.advance(slots=30)
    assert clock.commitment_of(record.slot) == "finalized"
    assert seen("finalized")
    ledger.close()


def test_slots_to_finalize_scale_what_finalized_means(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=1, slots_to_finalize=4)
    ledger, clock = network.ledger, network.ledger.clock
    record = land(ledger, WALLET, pay(SOL))
    assert record is not None

    settled = []
    for _ in range(5):
        finalized = ledger.account(OTHER, clock.slot_for("finalized"))
        settled.append((clock.commitment_of(record.slot), finalized is not None))
        clock.advance(slots=1)

    assert settled == [
        ("processed", False),
        ("confirmed", False),
        ("confirmed", False),
        ("confirmed", False),
        ("finalized", True),
    ]
    ledger.close()


def test_older_commitments_see_older_accounts_after_a_restart_too(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    slots = []
    for _ in range(3):
        land(network.ledger, WALLET, pay(SOL))
        slots.append(network.ledger.clock.slot())
        network.advance(1, None)
    network.ledger.close()

    # Not funded again: that would raise the wallet in every slot.
    network = Network.open(tmp_path, slot_time_s=3600, slots_to_confirm=2)

    def paid(slot: int) -> int:
        account = network.ledger.account(OTHER, slot)
        return 0 if account is None else account.lamports // SOL

    def spent(slot: int) -> int:
        account = network.ledger.account(WALLET.pubkey(), slot)
        assert account is not None
        return 10_000 * SOL - account.lamports

    assert [paid(slot) for slot in [slots[0] - 1, *slots]] == [0, 1, 2, 3]
    assert [spent(slot) for slot in [slots[0] - 1, *slots]] == [
        payments * (SOL + 5_000) for payments in range(4)
    ]
    assert network.ledger.clock.slot_for("confirmed") == slots[1]
    network.ledger.close()


def test_slot_and_block_time_never_go_back_when_the_hosts_clock_does(
    tmp_path, monkeypatch
):
    network = Network.open(tmp_path, slot_time_s=0.4)
    network.advance(1_000, None)
    clock = network.ledger.clock
    before = clock.slot(), clock.unix_timestamp(clock.slot())
    network.ledger.close()
    host = time.time
    monkeypatch.setattr(time, "time", lambda: host() - 86_400)

    network = Network.open(tmp_path, slot_time_s=0.4)

    clock = network.ledger.clock
    assert clock.slot() >= before[0]
    assert clock.unix_timestamp(clock.slot()) >= before[1]
    network.ledger.close()
    monkeypatch.undo()
    network = Network.open(tmp_path, slot_time_s=0.4)
    ahead_s = network.ledger.clock.now() - time.time()
    assert 399 < ahead_s < 401  # the 1,000 slots alone: the host's mistake is gone
    network.ledger.close()


def test_a_ledger_of_the_format_before_is_taken_over(tmp_path):
    network = open_network(tmp_path)
    land_raw(network, signed(network, pay(SOL)))
    genesis_hash = network.ledger.genesis_hash
    network.ledger.close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.executescript(
        "ALTER TABLE pending DROP COLUMN slips; DROP TABLE versions; "
        "DROP INDEX transactions_payer; ALTER TABLE transactions DROP COLUMN payer; "
        "PRAGMA user_version = 1"
    )
    database.close()

    network = open_network(tmp_path)

    assert network.ledger.genesis_hash == genesis_hash
    assert lamports(network, OTHER) == SOL
    network.faults.add({"kind": "landLate", "delayS": 1})
    raw = signed(network, pay(SOL), memo="late")
    network.nodes[0].submit(raw, load(raw))
    network.advance(0, 1)
    assert lamports(network, OTHER) == 2 * SOL
    network.ledger.close()


def test_restart_keeps_accounts_genesis_hash_slot_and_blockhashes(tmp_path):
    network = open_network(tmp_path)
    network.advance(77, None)
    genesis_hash, slot = network.ledger.genesis_hash, network.ledger.clock.slot()
    landed = signed(network, pay(SOL))
    land_raw(network, landed)
    waiting = signed(network, pay(SOL), memo="signed before the restart")
    network.ledger.close()

    network = open_network(tmp_path)

    assert network.ledger.genesis_hash == genesis_hash
    assert network.ledger.clock.slot() >= slot
    land_raw(network, landed)
    assert lamports(network, OTHER) == SOL
    land_raw(network, waiting)
    assert lamports(network, OTHER) == 2 * SOL
    network.ledger.close()


def test_clock_that_was_moved_ahead_stays_ahead_after_a_restart(tmp_path):
    network = open_network(tmp_path)
    network.advance(5, 10 * 86_400)
    clock = network.ledger.clock
    before = clock.slot(), clock.unix_timestamp(clock.slot())
    network.ledger.close()

    network = Network.open(tmp_path, slot_time_s=0.4)

    clock = network.ledger.clock
    assert clock.slot() >= before[0]
    assert 0 <= clock.unix_timestamp(clock.slot()) - before[1] < 60
    network.ledger.close()


def test_two_ledgers_are_two_chains(tmp_path):
    first, second = open_network(tmp_path / "1"), open_network(tmp_path / "2")

    assert first.ledger.genesis_hash != second.ledger.genesis_hash
    first.ledger.close()
    second.ledger.close()


def test_one_ledger_has_one_process(network, tmp_path):
    with pytest.raises(LedgerUnusable, match="--ledger"):
        open_network(tmp_path)


def test_a_ledger_of_another_format_is_refused_with_the_way_out(tmp_path):
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.executescript("CREATE TABLE meta (name TEXT); PRAGMA user_version = 99")
    database.close()

    with pytest.raises(LedgerUnusable, match=r"format 99.*remove the folder"):
        Network.open(tmp_path)


def test_a_file_that_is_no_ledger_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "ledger.sqlite3").write_bytes(b"not a database " * 100)

    with pytest.raises(LedgerUnusable, match="remove the folder"):
        Network.open(tmp_path)
