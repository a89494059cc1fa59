"""getTransaction in every encoding: the shapes of agave's `transaction-status`."""

from __future__ import annotations

import base64

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.transaction import VersionedTransaction

from dex.localnet import base58, genesis
from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
)

from .localnet_methods import CONFIRMED, OTHER, SOL, WALLET, methods, payment

__all__ = ["methods"]


ANY_VERSION = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
PAYER = WALLET.pubkey()
FRIEND = OTHER
USDC = genesis.TOKENS["USDC"].mint


def get(methods, record, **options):
    return methods.call("getTransaction", record.signature, {**ANY_VERSION, **options})


def test_json_has_every_member_of_a_real_answer(methods):
    before = methods.call("getBalance", str(PAYER), CONFIRMED)["value"]
    friend = methods.call("getBalance", str(FRIEND), CONFIRMED)["value"]
    record = methods.land(payment())

    blockhash = methods.call("getLatestBlockhash", CONFIRMED)["value"]["blockhash"]
    assert get(methods, record) == {
        "slot": methods.slot,
        "blockTime": methods.network.ledger.clock.unix_timestamp(methods.slot),
        "version": 0,
        "transaction": {
            "signatures": [record.signature],
            "message": {
                "accountKeys": [str(PAYER), str(FRIEND), str(SYSTEM_PROGRAM)],
                "header": {
                    "numRequiredSignatures": 1,
                    "numReadonlySignedAccounts": 0,
                    "numReadonlyUnsignedAccounts": 1,
                },
                "recentBlockhash": blockhash,
                "instructions": [
                    {
                        "programIdIndex": 2,
                        "accounts": [0, 1],
                        "data": base58.encode(bytes(payment().data)),
                        "stackHeight": 1,
                    }
                ],
                "addressTableLookups": [],
            },
        },
        "meta": {
            "err": None,
            "status": {"Ok": None},
            "fee": 5_000,
            "preBalances": [before, friend, 946_560],
            "postBalances": [before - SOL - 5_000, friend + SOL, 946_560],
            "innerInstructions": [],
            "logMessages": [
                "Program 11111111111111111111111111111111 invoke [1]",
                "Program 11111111111111111111111111111111 success",
            ],
            "preTokenBalances": [],
            "postTokenBalances": [],
            "rewards": [],
            "loadedAddresses": {"writable": [], "readonly": []},
            "computeUnitsConsumed": 150,
            # As mainnet counts it: 720 for the signature, 2 × 300 for write locks,
            # 12 // 4 for data, 150 to execute, 8 for a page of accounts.
            "costUnits": 1_481,
        },
    }


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("base64", lambda shown: base64.b64decode(shown[0])),
        ("base58", lambda shown: base58.decode(shown[0])),
        ("binary", base58.decode),
    ],
)
def test_binary_encodings_carry_the_bytes_that_were_sent(methods, encoding, decode):
    record = methods.land(payment(SOL + len(encoding)))

    shown = get(methods, record, encoding=encoding)["transaction"]

    assert decode(shown) == record.raw
    if encoding != "binary":
        assert shown[1] == encoding


def test_failed_transaction_shows_its_error_and_pays_its_fee(methods):
    record = methods.land(payment(10**9 * SOL))

    meta = get(methods, record)["meta"]

    error = {"InstructionError": [0, {"Custom": 1}]}
    assert (meta["err"], meta["status"]) == (error, {"Err": error})
    assert meta["preBalances"][0] - meta["postBalances"][0] == 5_000
    assert meta["logMessages"][-1].endswith("failed: custom program error: 0x1")


def test_transaction_is_the_one_that_was_signed(methods):
    record = methods.land(payment(SOL + 99))

    answer = get(methods, record, encoding="base64")

    raw = base64.b64decode(answer["transaction"][0])
    signed = VersionedTransaction.from_bytes(raw)
    assert str(signed.signatures[0]) == record.signature
    assert all(signed.verify_with_results())


def test_data_that_a_program_returned_is_shown(methods):
    size = Instruction(TOKEN_PROGRAM, b"\x15", [AccountMeta(USDC, False, False)])

    record = methods.land(size)

    shown = {
        "programId": str(TOKEN_PROGRAM),
        "data": [base64.b64encode((165).to_bytes(8, "little")).decode(), "base64"],
    }
    assert get(methods, record)["meta"]["returnData"] == shown
    assert get(methods, record, encoding="jsonParsed")["meta"]["returnData"] == shown
