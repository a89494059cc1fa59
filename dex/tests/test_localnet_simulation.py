"""simulateTransaction and preflight, with the members of agave's answers."""

from __future__ import annotations

import base64

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from dex.localnet import base58
from dex.localnet.market import sign_transaction
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .localnet_methods import CONFIRMED, PROCESSED, SOL, WALLET, methods

__all__ = ["methods"]

PAYER = WALLET.pubkey()
FRIEND = Pubkey(bytes([0x41]) * 32)
IN_BASE64 = {"encoding": "base64", **PROCESSED}
SENT = {"encoding": "base64", "preflightCommitment": "processed"}
TRANSFER_FAILED = [
    "Program 11111111111111111111111111111111 invoke [1]",
    "Transfer: insufficient lamports {held}, need 1000000000000000000",
    "Program 11111111111111111111111111111111 failed: custom program error: 0x1",
]


def payment(lamports=SOL, to=FRIEND):
    return transfer(TransferParams(from_pubkey=PAYER, to_pubkey=to, lamports=lamports))


def signed(methods, *instructions, memo=""):
    ledger = methods.network.ledger
    raw = sign_transaction(ledger, WALLET, instructions or [payment()], memo)
    return base64.b64encode(raw).decode()


def tampered(encoded):
    raw = bytearray(base64.b64decode(encoded))
    raw[1] ^= 1
    return base64.b64encode(raw).decode()


def held(methods, address=PAYER):
    return methods.call("getBalance", str(address), PROCESSED)["value"]


def test_simulation_has_every_member_of_a_real_answer(methods):
    methods.put(FRIEND, Account(SYSTEM_PROGRAM, 2 * SOL, b""))
    balance, friend = held(methods), 2 * SOL

    answer = methods.call("simulateTransaction", signed(methods), IN_BASE64)

    assert answer["context"]["slot"] == methods.slot
    assert answer["value"] == {
        "err": None,
        "logs": [
            "Program 11111111111111111111111111111111 invoke [1]",
            "Program 11111111111111111111111111111111 success",
        ],
        "accounts": None,
        "unitsConsumed": 150,
        "loadedAccountsDataSize": 3 * 64 + len(b"localnet"),
        "returnData": None,
        "innerInstructions": None,
        "replacementBlockhash": None,
        "fee": 5_000,
        "preBalances": [balance, friend, 946_560],
        "postBalances": [balance - SOL - 5_000, friend + SOL, 946_560],
        "preTokenBalances": [],
        "postTokenBalances": [],
        "loadedAddresses": {"readonly": [], "writable": []},
    }
    assert held(methods) == balance


def test_simulation_shows_accounts_as_they_would_be(methods):
    wanted = {"addresses": [str(FRIEND), str(PAYER)], "encoding": "base64"}
    parsed = {"addresses": [str(FRIEND)], "encoding": "jsonParsed"}

    friend, payer = methods.call(
        "simulateTransaction", signed(methods), {**IN_BASE64, "accounts": wanted}
    )["value"]["accounts"]
    (shown,) = methods.call(
        "simulateTransaction", signed(methods), {**IN_BASE64, "accounts": parsed}
    )["value"]["accounts"]

    assert friend == {
        **{"data": ["", "base64"], "executable": False},
        "lamports": held(methods, FRIEND) + SOL,
        **{"owner": str(SYSTEM_PROGRAM), "rentEpoch": 2**64 - 1, "space": 0},
    }
    assert payer["lamports"] == held(methods) - SOL - 5_000
    assert shown == friend


def test_failed_simulation_shows_no_accounts(methods):
    wanted = {"addresses": [str(FRIEND), str(PAYER)]}
    encoded = signed(methods, payment(10**9 * SOL))

    value = methods.call(
        "simulateTransaction", encoded, {**IN_BASE64, "accounts": wanted}
    )["value"]

    assert value["accounts"] == [None, None]
    assert value["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert value["postBalances"][0] == value["preBalances"][0] - 5_000


def test_simulation_replaces_the_blockhash_on_request(methods):
    message = MessageV0.try_compile(PAYER, [payment()], [], Hash.default())
    encoded = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()
    options = {**IN_BASE64, "replaceRecentBlockhash": True}
    refused = methods.call("simulateTransaction", encoded, IN_BASE64)["value"]

    value = methods.call("simulateTransaction", encoded, options)["value"]

    latest = methods.call("getLatestBlockhash", PROCESSED)["value"]
    assert refused["err"] == "BlockhashNotFound"
    assert value["replacementBlockhash"] == latest
    assert value["err"] is None


def test_simulation_parses_inner_instructions_on_request(methods):
    answer = methods.call(
        "simulateTransaction", signed(methods), {**IN_BASE64, "innerInstructions": True}
    )

    assert answer["value"]["innerInstructions"] == []


def test_transaction_that_cannot_be_loaded_is_simulated_to_its_error(methods):
    poor = Keypair.from_seed(bytes([0x42]) * 32)
    ledger = methods.network.ledger
    order = transfer(
        TransferParams(from_pubkey=poor.pubkey(), to_pubkey=FRIEND, lamports=1)
    )
    encoded = base64.b64encode(sign_transaction(ledger, poor, [order])).decode()

    value = methods.call("simulateTransaction", encoded, IN_BASE64)["value"]

    assert (value["err"], value["logs"]) == ("AccountNotFound", [])
    assert (value["unitsConsumed"], value["loadedAccountsDataSize"]) == (0, 0)
    assert value["fee"] is None
    assert value["preBalances"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sigVerify": True, "replaceRecentBlockhash": True},
            "sigVerify may not be used with replaceRecentBlockhash",
        ),
        (
            {"encoding": "jsonParsed"},
            "unsupported encoding: jsonParsed. Supported encodings: base58, base64",
        ),
        (
            {"encoding": "base64+zstd"},
            "unsupported encoding: base64+zstd. Supported encodings: base58, base64",
        ),
        (
            {"accounts": {"addresses": [], "encoding": "base58"}},
            "base58 encoding not supported",
        ),
        (
            {"accounts": {"addresses": [str(PAYER)] * 4}},
            "Too many accounts provided; max 3",
        ),
        (
            {"accounts": {}},
            "Invalid params: accounts.addresses: invalid type: value `null`, "
            "expected a sequence.",
        ),
        (
            {"sigVerify": "yes"},
            'Invalid params: sigVerify: invalid type: string `"yes"`, '
            "expected a boolean.",
        ),
    ],
)
def test_contradictory_simulation_is_refused(methods, options, message):
    answer = methods.refusal(
        "simulateTransaction", signed(methods), {**IN_BASE64, **options}
    )

    assert answer == {"code": -32602, "message": message}


def test_signatures_are_checked_on_request_only(methods):
    forged = tampered(signed(methods))

    unchecked = methods.call("simulateTransaction", forged, IN_BASE64)
    checked = methods.refusal(
        "simulateTransaction", forged, {**IN_BASE64, "sigVerify": True}
    )

    assert unchecked["value"]["err"] is None
    assert checked == {
        "code": -32003,
        "message": "Transaction signature verification failure",
    }


def test_preflight_failure_carries_the_whole_simulation(methods):
    balance = held(methods)
    encoded = signed(methods, payment(1), payment(10**9 * SOL))

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
    assert held(methods) == balance


def test_preflight_speaks_of_blockhash_and_repeat(methods):
    encoded = signed(methods, memo="once")
    methods.call("sendTransaction", encoded, SENT)

    repeat = methods.refusal("sendTransaction", encoded, SENT)
    # A finalized bank is 32 slots behind and does not know the blockhash yet.
    early = methods.refusal(
        "sendTransaction", signed(methods, memo="early"), {"encoding": "base64"}
    )

    assert repeat["message"] == (
        "Transaction simulation failed: This transaction has already been processed"
    )
    assert repeat["data"]["err"] == "AlreadyProcessed"
    assert early["message"] == "Transaction simulation failed: Blockhash not found"
    assert early["data"]["logs"] == []


def test_forged_signature_is_refused_before_the_simulation(methods):
    answer = methods.refusal("sendTransaction", tampered(signed(methods)), SENT)

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
        raw = base64.b64decode(signed(methods))
        text = base58.encode(raw)

    answer = methods.refusal("sendTransaction", text, options)

    assert answer["code"] == -32602
    assert answer["message"].startswith(message)


def test_unsigned_transaction_is_simulated_without_its_signature(methods):
    blockhash = methods.network.ledger.clock.blockhash(methods.slot)
    message = MessageV0.try_compile(PAYER, [payment()], [], blockhash)
    unsigned = VersionedTransaction.populate(message, [Signature.default()])
    encoded = base64.b64encode(bytes(unsigned)).decode()

    answer = methods.call("simulateTransaction", encoded, IN_BASE64)

    assert answer["value"]["err"] is None


def test_without_preflight_only_min_context_slot_is_checked(methods):
    encoded = tampered(signed(methods))
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


def test_fee_of_a_message_is_null_when_its_blockhash_is_unknown(methods):
    raw = base64.b64decode(signed(methods))
    message = base64.b64encode(raw[65:]).decode()

    known = methods.call("getFeeForMessage", message, CONFIRMED)
    unknown = methods.call("getFeeForMessage", message)  # finalized
    garbage = methods.refusal("getFeeForMessage", "AAAA")

    assert (known["value"], unknown["value"]) == (5_000, None)
    assert garbage["message"].startswith("failed to deserialize VersionedMessage")
