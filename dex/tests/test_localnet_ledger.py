"""What localnet's ledger promises: checks, fees, all or nothing, time, restarts."""

from __future__ import annotations

import struct

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.transaction import VersionedTransaction

from dex.localnet.runtime import load
from dex.localnet.testing import land
from dex.solana.addresses import COMPUTE_BUDGET_PROGRAM

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


def test_transfer_moves_lamports_and_pays_the_fee(network):
    before = lamports(network, WALLET.pubkey())

    record = land(network.ledger, WALLET, pay(SOL))

    assert record is not None
    assert record.error is None
    assert lamports(network, OTHER) == SOL
    assert lamports(network, WALLET.pubkey()) == before - SOL - 5_000
    assert record.meta["fee"] == 5_000


def test_priority_fee_is_the_price_of_the_requested_limit_rounded_up(network):
    limit = Instruction(COMPUTE_BUDGET_PROGRAM, struct.pack("<BI", 2, 1_001), [])
    price = Instruction(COMPUTE_BUDGET_PROGRAM, struct.pack("<BQ", 3, 2_000), [])

    record = land(network.ledger, WALLET, limit, price, pay(SOL))

    assert record is not None
    assert record.meta["fee"] == 5_000 + 3  # 1,001 × 2,000 / 1,000,000 = 2.002


def test_failing_leg_reverts_everything_but_the_fee(network):
    before = lamports(network, WALLET.pubkey())

    record = land(network.ledger, WALLET, pay(SOL), pay(10**9 * SOL))

    assert record is not None
    assert record.error == {"InstructionError": [1, {"Custom": 1}]}
    assert lamports(network, OTHER) == 0
    assert lamports(network, WALLET.pubkey()) == before - 5_000


def test_same_bytes_land_once(network):
    raw = signed(network, pay(SOL))

    land_raw(network, raw)
    land_raw(network, raw)

    assert lamports(network, OTHER) == SOL


def test_changed_bytes_do_not_land(network):
    transaction = VersionedTransaction.from_bytes(signed(network, pay(SOL)))
    raw = bytearray(bytes(transaction))
    raw[-3] ^= 1  # of the lamports

    assert land_raw(network, bytes(raw)) is None
    assert lamports(network, OTHER) == 0


def test_blockhash_lives_for_150_blocks_and_no_longer(network):
    punctual = signed(network, pay(SOL), memo="punctual")
    late = signed(network, pay(SOL), memo="late")

    network.ledger.clock.advance(slots=150)
    assert land_raw(network, punctual) is not None
    network.ledger.clock.advance(slots=1)

    assert land_raw(network, late) is None


def test_legacy_transactions_land_too(network):
    blockhash = network.ledger.clock.blockhash(network.ledger.clock.slot())
    message = Message.new_with_blockhash([pay(SOL)], WALLET.pubkey(), blockhash)

    assert land_raw(network, bytes(VersionedTransaction(message, [WALLET])))
    assert lamports(network, OTHER) == SOL


def test_payer_without_money_does_not_land(network):
    poor = Keypair.from_seed(bytes([9]) * 32)
    blockhash = network.ledger.clock.blockhash(network.ledger.clock.slot())
    message = MessageV0.try_compile(poor.pubkey(), [], [], blockhash)

    assert land_raw(network, bytes(VersionedTransaction(message, [poor]))) is None


def test_account_may_not_be_left_below_its_rent(network):
    record = land(network.ledger, WALLET, pay(890_879))

    assert record is not None
    assert record.error == {"InsufficientFundsForRent": {"account_index": 1}}
    assert lamports(network, OTHER) == 0


def test_unknown_program_fails_and_pays_its_fee(network):
    before = lamports(network, WALLET.pubkey())

    record = land(network.ledger, WALLET, Instruction(OTHER, b"", []))

    assert record is not None
    assert record.error == "ProgramAccountNotFound"
    assert lamports(network, WALLET.pubkey()) == before - 5_000


def test_delayed_transaction_lands_when_it_is_due(tmp_path):
    network = open_network(tmp_path, landing_delay_s=10)
    raw = signed(network, pay(SOL))
    network.nodes[0].submit(raw, load(raw))
    network.advance(0, 9.5)
    assert lamports(network, OTHER) == 0

    network.advance(0, 1)

    assert lamports(network, OTHER) == SOL
    network.ledger.close()


def test_delayed_transaction_survives_a_restart(tmp_path):
    network = open_network(tmp_path, landing_delay_s=10)
    raw = signed(network, pay(SOL))
    network.nodes[0].submit(raw, load(raw))
    network.ledger.close()

    network = open_network(tmp_path)
    network.advance(0, 11)

    assert lamports(network, OTHER) == SOL
    network.ledger.close()


def test_next_transactions_are_dropped_as_told(network):
    network.drop_next(2)
    for memo in ("1", "2", "3"):
        raw = signed(network, pay(SOL), memo=memo)
        network.nodes[0].submit(raw, load(raw))

    assert lamports(network, OTHER) == SOL
