"""Transactions with lookup tables, in older and newer versions, and by address."""

from __future__ import annotations

import base64

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet import genesis
from dex.localnet.genesis import FAUCET
from dex.localnet.lookup import Table
from dex.solana.addresses import (
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, OTHER, SOL, WALLET, methods, payment

__all__ = ["methods"]


ANY_VERSION = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
PAYER = WALLET.pubkey()
FRIEND = OTHER
USDC = genesis.TOKENS["USDC"].mint


def test_legacy_transaction_has_no_version_for_clients_that_know_none(methods):
    signature = methods.call("requestAirdrop", str(FRIEND), SOL)

    old = methods.call("getTransaction", signature, CONFIRMED)
    new = methods.call("getTransaction", signature, ANY_VERSION)
    newest = methods.call(
        "getTransaction",
        signature,
        {**CONFIRMED, "maxSupportedTransactionVersion": 1, "encoding": "jsonParsed"},
    )

    assert "version" not in old
    assert new["version"] == "legacy"
    assert newest["version"] == "legacy"
    assert "addressTableLookups" not in old["transaction"]["message"]
    assert "addressTableLookups" not in newest["transaction"]["message"]
    assert newest["transaction"]["message"]["instructions"][0]["parsed"]["info"] == {
        **{"source": str(FAUCET.pubkey()), "destination": str(FRIEND)},
        "lamports": SOL,
    }


@pytest.mark.parametrize("method", ["getTransaction", "getBlock"])
def test_version_zero_is_refused_to_clients_that_do_not_know_it(methods, method):
    record = methods.land(payment(SOL + len(method)))
    wanted = record.signature if method == "getTransaction" else record.slot

    answer = methods.refusal(method, wanted, CONFIRMED)

    assert answer == {
        "code": -32015,
        "message": "Transaction version (0) is not supported by the requesting client. "
        "Please try the request again with the following configuration parameter: "
        '"maxSupportedTransactionVersion": 0',
    }


def test_signatures_of_an_address_come_newest_first_with_their_memos(methods):
    address = Pubkey(bytes([0x32]) * 32)
    records = [
        methods.land(payment(SOL, address), memo=memo) for memo in ("one", "", "three")
    ]
    first, second, third = (record.signature for record in records)

    def listed(**options):
        answer = methods.call(
            "getSignaturesForAddress", str(address), {**CONFIRMED, **options}
        )
        return [entry["signature"] for entry in answer]

    assert methods.call("getSignaturesForAddress", str(address), CONFIRMED)[0] == {
        "signature": third,
        "slot": methods.slot,
        "err": None,
        "memo": "[5] three",
        "blockTime": records[2].block_time,
        "confirmationStatus": "confirmed",
    }
    assert listed() == [third, second, first]
    assert listed(limit=2) == [third, second]
    assert listed(before=third) == [second, first]
    assert listed(until=first) == [third, second]
    assert listed(before=third, until=first, limit=1) == [second]
    assert listed(before=None, until=None, limit=None) == [third, second, first]
    assert methods.call("getSignaturesForAddress", str(address)) == []  # finalized


def test_addresses_from_a_lookup_table_are_shown_with_their_source(methods):
    table, loaded = Pubkey(bytes([0x33]) * 32), Pubkey(bytes([0x34]) * 32)
    content = Table(None, (FRIEND, loaded, MEMO_PROGRAM)).encode()
    methods.put(table, Account(LOOKUP_TABLE_PROGRAM, SOL, content))
    lookups = [AddressLookupTableAccount(table, [FRIEND, loaded, MEMO_PROGRAM])]
    note = Instruction(MEMO_PROGRAM, b"hi", [])
    orders = [
        payment(SOL, loaded),
        Instruction(
            TOKEN_PROGRAM,
            b"\x11",
            [
                AccountMeta(loaded, False, True),
                AccountMeta(FRIEND, False, False),
            ],
        ),
    ]
    blockhash = methods.network.ledger.clock.blockhash(methods.slot)
    message = MessageV0.try_compile(PAYER, [*orders, note], lookups, blockhash)
    raw = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()
    options = {"encoding": "base64", "skipPreflight": True}

    signature = methods.call("sendTransaction", raw, options)
    plain = methods.call("getTransaction", signature, ANY_VERSION)
    parsed = methods.call(
        "getTransaction", signature, {**ANY_VERSION, "encoding": "jsonParsed"}
    )
    simulated = methods.call(
        "simulateTransaction", raw, {"encoding": "base64", **CONFIRMED}
    )

    found = {"writable": [str(loaded)], "readonly": [str(FRIEND)]}
    lookup = {"accountKey": str(table), "writableIndexes": [1], "readonlyIndexes": [0]}
    assert plain["meta"]["loadedAddresses"] == found
    assert plain["transaction"]["message"]["addressTableLookups"] == [lookup]
    assert parsed["transaction"]["message"]["addressTableLookups"] == [lookup]
    keys = parsed["transaction"]["message"]["accountKeys"]
    assert keys[-2:] == [
        {
            **{"pubkey": str(loaded), "signer": False},
            **{"writable": True, "source": "lookupTable"},
        },
        {
            **{"pubkey": str(FRIEND), "signer": False},
            **{"writable": False, "source": "lookupTable"},
        },
    ]
    assert len(plain["transaction"]["message"]["accountKeys"]) == len(keys) - 2
    assert len(plain["meta"]["preBalances"]) == len(keys)
    first = parsed["transaction"]["message"]["instructions"][0]
    assert first["parsed"]["info"]["destination"] == str(loaded)
    assert simulated["value"]["err"] == "AlreadyProcessed"
    fee = methods.call(
        "getFeeForMessage",
        base64.b64encode(bytes(base64.b64decode(raw)[65:])).decode(),
        CONFIRMED,
    )
    assert fee["value"] == 5_000


def test_missing_lookup_table_is_named_before_anything_is_sent(methods):
    nowhere = Pubkey(bytes([0x35]) * 32)
    lookups = [AddressLookupTableAccount(nowhere, [FRIEND])]
    blockhash = methods.network.ledger.clock.blockhash(methods.slot)
    message = MessageV0.try_compile(PAYER, [payment()], lookups, blockhash)
    raw = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()

    for method in ("sendTransaction", "simulateTransaction"):
        assert methods.refusal(method, raw, {"encoding": "base64"}) == {
            "code": -32602,
            "message": "invalid transaction: Transaction loads an address table "
            "account that doesn't exist",
        }


def test_version_that_localnet_cannot_run_is_refused(methods):
    blockhash = methods.network.ledger.clock.blockhash(methods.slot)
    message = MessageV1.try_compile(PAYER, [payment()], blockhash)
    raw = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()

    answer = methods.refusal("sendTransaction", raw, {"encoding": "base64"})

    assert (
        answer["message"] == "invalid transaction: Transaction version is unsupported"
    )
