"""Sends with and without preflight, and where they have landed."""

from __future__ import annotations

import base64

import pytest

from dex.localnet import base58

from .localnet_methods import SOL, WALLET, methods, payment

__all__ = ["methods"]


PAYER = WALLET.pubkey()
SENT = {"encoding": "base64", "preflightCommitment": "processed"}
TRANSFER_FAILED = [
    "Program 11111111111111111111111111111111 invoke [1]",
    "Transfer: insufficient lamports {held}, need 1000000000000000000",
    "Program 11111111111111111111111111111111 failed: custom program error: 0x1",
]


def tampered(encoded):
    raw = bytearray(base64.b64decode(encoded))
    raw[1] ^= 1
    return base64.b64encode(raw).decode()


def test_preflight_failure_carries_the_whole_simulation(methods):
    balance = methods.balance(PAYER)
    encoded = methods.signed(payment(1), payment(10**9 * SOL))

    answer = methods.refusal("sendTransaction", encoded, SENT)

    failed = TRANSFER_FAILED[1].format(held=balance - 5_000 - 1)
    assert answer == {
        "code": -32002,
        "message": "Transaction simulation failed: Error processing Instruction 1: "
        "custom program error: 0x1",
        "data": {
            "err": {"InstructionError": [1, {"Custom": 1}]},
            "logs": [
                "Program 11111111111111111111111111111111 invoke [1]",
                "Program 11111111111111111111111111111111 success",
                *(TRANSFER_FAILED[0], failed, TRANSFER_FAILED[2]),
            ],
            "accounts": None,
            "unitsConsumed": 300,
            "loadedAccountsDataSize": answer["data"]["loadedAccountsDataSize"],
            "returnData": None,
            "innerInstructions": None,
            "replacementBlockhash": None,
            "fee": 5_000,
            **{"preBalances": None, "postBalances": None},
            **{"preTokenBalances": None, "postTokenBalances": None},
            "loadedAddresses": None,
        },
    }
    assert methods.balance(PAYER) == balance


def test_preflight_speaks_of_blockhash_and_repeat(methods):
    encoded = methods.signed(payment(), memo="once")
    methods.call("sendTransaction", encoded, SENT)

    repeat = methods.refusal("sendTransaction", encoded, SENT)
    # A finalized bank is 32 slots behind and does not know the blockhash yet.
    early = methods.refusal(
        "sendTransaction",
        methods.signed(payment(), memo="early"),
        {"encoding": "base64"},
    )

    assert repeat["message"] == (
        "Transaction simulation failed: This transaction has already been processed"
    )
    assert repeat["data"]["err"] == "AlreadyProcessed"
    assert early["message"] == "Transaction simulation failed: Blockhash not found"
    assert early["data"]["logs"] == []


def test_forged_signature_is_refused_before_the_simulation(methods):
    answer = methods.refusal(
        "sendTransaction", tampered(methods.signed(payment())), SENT
    )

    assert answer["code"] == -32003


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("0", {}, "invalid base58 encoding: '0' is not a base58 character"),
        ("!", {"encoding": "base64"}, "invalid base64 encoding"),
        (
            *("1" * 1_684, {}),
            "base58 encoded VersionedTransaction too large: 1684 bytes "
            "(max: encoded/raw 1683/1232)",
        ),
        (
            *("A" * 1_648, {"encoding": "base64"}),
            "base64 encoded VersionedTransaction too large: 1648 bytes "
            "(max: encoded/raw 1644/1232)",
        ),
        (
            *("1" * 1_233, {}),
            "decoded VersionedTransaction too large: 1233 bytes (max: 1232 bytes)",
        ),
        ("11", {}, "invalid transaction: Transaction failed to sanitize"),
        (
            *("11", {"maxRetries": -1}),
            "Invalid params: maxRetries: invalid type: integer `-1`, expected u64.",
        ),
    ],
)
def test_what_is_no_transaction_is_refused(methods, text, options, message):
    if "maxRetries" in options:
        raw = base64.b64decode(methods.signed(payment()))
        text = base58.encode(raw)

    answer = methods.refusal("sendTransaction", text, options)

    assert answer["code"] == -32602
    assert answer["message"].startswith(message)


def test_without_preflight_only_min_context_slot_is_checked(methods):
    encoded = tampered(methods.signed(payment()))
    options = {"encoding": "base64", "skipPreflight": True}

    signature = methods.call("sendTransaction", encoded, options)
    behind = methods.refusal(
        "sendTransaction", encoded, {**options, "minContextSlot": methods.slot + 1}
    )

    statuses = methods.call("getSignatureStatuses", [signature])
    assert statuses["value"] == [None]  # nobody takes a forged signature
    assert behind["code"] == -32016


def test_statuses_have_the_members_of_a_real_answer(methods):
    record = methods.land(payment(), memo="status")
    failed = methods.land(payment(10**9 * SOL), memo="too much")
    unknown = "1" * 64

    answer = methods.call(
        "getSignatureStatuses", [record.signature, failed.signature, unknown]
    )

    error = {"InstructionError": [0, {"Custom": 1}]}
    assert answer["context"]["slot"] == methods.slot
    assert answer["value"] == [
        {
            "slot": record.slot,
            "confirmations": 0,
            "err": None,
            "status": {"Ok": None},
            "confirmationStatus": "confirmed",
        },
        {
            "slot": failed.slot,
            "confirmations": 0,
            "err": error,
            "status": {"Err": error},
            "confirmationStatus": "confirmed",
        },
        None,
    ]


def test_finalized_status_counts_no_confirmations_and_is_forgotten(methods):
    record = methods.land(payment(), memo="old")
    search = {"searchTransactionHistory": True}

    methods.call("localnet_advance", {"slots": 31})
    (almost,) = methods.call("getSignatureStatuses", [record.signature])["value"]
    methods.call("localnet_advance", {"slots": 1})
    (status,) = methods.call("getSignatureStatuses", [record.signature])["value"]
    methods.call("localnet_advance", {"slots": 300})
    methods.network.ledger.commit()
    recent = methods.call("getSignatureStatuses", [record.signature])["value"]
    (found,) = methods.call("getSignatureStatuses", [record.signature], search)["value"]

    assert almost["confirmations"] == 31
    assert (status["confirmations"], status["confirmationStatus"]) == (
        None,
        "finalized",
    )
    assert recent == [None]
    assert found == status
