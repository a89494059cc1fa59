"""simulateTransaction and preflight, with the members of agave's answers."""

from __future__ import annotations

import base64

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from dex.localnet.market import sign_transaction
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .localnet_methods import CONFIRMED, OTHER, PROCESSED, SOL, WALLET, methods, payment

__all__ = ["methods"]


PAYER = WALLET.pubkey()
FRIEND = OTHER
IN_BASE64 = {"encoding": "base64", **PROCESSED}


def tampered(encoded):
    raw = bytearray(base64.b64decode(encoded))
    raw[1] ^= 1
    return base64.b64encode(raw).decode()


def test_simulation_has_every_member_of_a_real_answer(methods):
    methods.put(FRIEND, Account(SYSTEM_PROGRAM, 2 * SOL, b""))
    balance, friend = methods.balance(PAYER), 2 * SOL

    answer = methods.call("simulateTransaction", methods.signed(payment()), IN_BASE64)

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
    assert methods.balance(PAYER) == balance


def test_simulation_shows_accounts_as_they_would_be(methods):
    wanted = {"addresses": [str(FRIEND), str(PAYER)], "encoding": "base64"}
    parsed = {"addresses": [str(FRIEND)], "encoding": "jsonParsed"}

    friend, payer = methods.call(
        "simulateTransaction",
        methods.signed(payment()),
        {**IN_BASE64, "accounts": wanted},
    )["value"]["accounts"]
    (shown,) = methods.call(
        "simulateTransaction",
        methods.signed(payment()),
        {**IN_BASE64, "accounts": parsed},
    )["value"]["accounts"]

    assert friend == {
        **{"data": ["", "base64"], "executable": False},
        "lamports": methods.balance(FRIEND) + SOL,
        **{"owner": str(SYSTEM_PROGRAM), "rentEpoch": 2**64 - 1, "space": 0},
    }
    assert payer["lamports"] == methods.balance(PAYER) - SOL - 5_000
    assert shown == friend


def test_failed_simulation_shows_no_accounts(methods):
    wanted = {"addresses": [str(FRIEND), str(PAYER)]}
    encoded = methods.signed(payment(10**9 * SOL))

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
        "simulateTransaction",
        methods.signed(payment()),
        {**IN_BASE64, "innerInstructions": True},
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
        "simulateTransaction", methods.signed(payment()), {**IN_BASE64, **options}
    )

    assert answer == {"code": -32602, "message": message}


def test_signatures_are_checked_on_request_only(methods):
    forged = tampered(methods.signed(payment()))

    unchecked = methods.call("simulateTransaction", forged, IN_BASE64)
    checked = methods.refusal(
        "simulateTransaction", forged, {**IN_BASE64, "sigVerify": True}
    )

    assert unchecked["value"]["err"] is None
    assert checked == {
        "code": -32003,
        "message": "Transaction signature verification failure",
    }


def test_unsigned_transaction_is_simulated_without_its_signature(methods):
    blockhash = methods.network.ledger.clock.blockhash(methods.slot)
    message = MessageV0.try_compile(PAYER, [payment()], [], blockhash)
    unsigned = VersionedTransaction.populate(message, [Signature.default()])
    encoded = base64.b64encode(bytes(unsigned)).decode()

    answer = methods.call("simulateTransaction", encoded, IN_BASE64)

    assert answer["value"]["err"] is None


def test_fee_of_a_message_is_null_when_its_blockhash_is_unknown(methods):
    raw = base64.b64decode(methods.signed(payment()))
    message = base64.b64encode(raw[65:]).decode()

    known = methods.call("getFeeForMessage", message, CONFIRMED)
    unknown = methods.call("getFeeForMessage", message)  # finalized
    garbage = methods.refusal("getFeeForMessage", "AAAA")

    assert (known["value"], unknown["value"]) == (5_000, None)
    assert garbage["message"].startswith("failed to deserialize VersionedMessage")
