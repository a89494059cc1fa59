"""getTransaction in every encoding: the shapes of agave's `transaction-status`."""

from __future__ import annotations

import base64

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from dex.localnet import base58, genesis
from dex.localnet.genesis import FAUCET
from dex.localnet.lookup import Table
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, SOL, WALLET, methods

__all__ = ["methods"]

ANY_VERSION = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
PAYER = WALLET.pubkey()
FRIEND = Pubkey(bytes([0x31]) * 32)
USDC = genesis.TOKENS["USDC"].mint
ACCOUNT = associated_token_address(FRIEND, USDC)


def payment(lamports=SOL, to=FRIEND):
    return transfer(TransferParams(from_pubkey=PAYER, to_pubkey=to, lamports=lamports))


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


def create_account():
    """Return the instruction that makes FRIEND's account for USDC."""
    metas = [
        AccountMeta(PAYER, True, True),
        AccountMeta(ACCOUNT, False, True),
        AccountMeta(FRIEND, False, False),
        AccountMeta(USDC, False, False),
        AccountMeta(SYSTEM_PROGRAM, False, False),
        AccountMeta(TOKEN_PROGRAM, False, False),
    ]
    return Instruction(ASSOCIATED_TOKEN_PROGRAM, b"\x01", metas)


def test_json_parsed_decodes_what_nodes_know_and_nothing_else(methods):
    record = methods.land(
        set_compute_unit_price(7), create_account(), payment(), memo="order 1"
    )

    answer = get(methods, record, encoding="jsonParsed")

    message = answer["transaction"]["message"]
    price, creation, paid, memo = message["instructions"]
    assert price == {
        "programId": str(COMPUTE_BUDGET_PROGRAM),
        "accounts": [],
        "data": base58.encode(bytes(set_compute_unit_price(7).data)),
        "stackHeight": 1,
    }
    assert creation == {
        "program": "spl-associated-token-account",
        "programId": str(ASSOCIATED_TOKEN_PROGRAM),
        "stackHeight": 1,
        "parsed": {
            "type": "createIdempotent",
            "info": {
                "source": str(PAYER),
                "account": str(ACCOUNT),
                "wallet": str(FRIEND),
                "mint": str(USDC),
                "systemProgram": str(SYSTEM_PROGRAM),
                "tokenProgram": str(TOKEN_PROGRAM),
            },
        },
    }
    assert paid["parsed"]["info"]["lamports"] == SOL
    assert memo == {
        "program": "spl-memo",
        "programId": str(MEMO_PROGRAM),
        "parsed": "order 1",
        "stackHeight": 1,
    }
    assert message["addressTableLookups"] == []
    assert "header" not in message
    assert message["accountKeys"][:2] == [
        {
            **{"pubkey": str(PAYER), "signer": True},
            **{"writable": True, "source": "transaction"},
        },
        {
            **{"pubkey": message["accountKeys"][1]["pubkey"], "signer": False},
            **{"writable": True, "source": "transaction"},
        },
    ]
    roles = {key["pubkey"]: key["writable"] for key in message["accountKeys"]}
    assert roles[str(SYSTEM_PROGRAM)] is False
    assert roles[str(ACCOUNT)] is True
    assert roles[str(USDC)] is False


def test_inner_instructions_are_parsed_with_their_height(methods):
    methods.network.ledger.put([(ACCOUNT, None)])
    record = methods.land(create_account(), memo="inner")

    plain = get(methods, record)["meta"]
    parsed = get(methods, record, encoding="jsonParsed")["meta"]

    (group,) = parsed["innerInstructions"]
    assert group["index"] == 0
    assert [
        (each["program"], each["parsed"]["type"], each["stackHeight"])
        for each in group["instructions"]
    ] == [
        ("spl-token", "getAccountDataSize", 2),
        ("system", "createAccount", 2),
        ("spl-token", "initializeImmutableOwner", 2),
        ("spl-token", "initializeAccount3", 2),
    ]
    assert group["instructions"][3]["parsed"]["info"] == {
        **{"account": str(ACCOUNT), "mint": str(USDC), "owner": str(FRIEND)}
    }
    assert set(plain["innerInstructions"][0]["instructions"][0]) == {
        *("programIdIndex", "accounts", "data", "stackHeight")
    }
    # Nodes leave the loaded addresses out of jsonParsed: its keys name their source.
    assert "loadedAddresses" in plain
    assert "loadedAddresses" not in parsed


def test_token_balances_name_owner_mint_and_program(methods):
    source = associated_token_address(PAYER, USDC)
    methods.land(create_account(), memo="before")
    data = b"\x03" + (2_500_000).to_bytes(8, "little")
    metas = [
        AccountMeta(source, False, True),
        AccountMeta(ACCOUNT, False, True),
        AccountMeta(PAYER, True, False),
    ]
    held = int(
        methods.call("getTokenAccountBalance", str(ACCOUNT), CONFIRMED)["value"][
            "amount"
        ]
    )
    record = methods.land(Instruction(TOKEN_PROGRAM, data, metas), payment(1 * SOL))

    meta = get(methods, record)["meta"]

    keys = get(methods, record)["transaction"]["message"]["accountKeys"]
    position = keys.index(str(ACCOUNT))
    (after,) = [
        entry
        for entry in meta["postTokenBalances"]
        if entry["accountIndex"] == position
    ]
    assert after["owner"] == str(FRIEND)
    assert after["mint"] == str(USDC)
    assert after["programId"] == str(TOKEN_PROGRAM)
    assert int(after["uiTokenAmount"]["amount"]) == held + 2_500_000
    assert after["uiTokenAmount"]["decimals"] == 6


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


def test_failed_transaction_shows_its_error_and_pays_its_fee(methods):
    record = methods.land(payment(10**9 * SOL))

    meta = get(methods, record)["meta"]

    error = {"InstructionError": [0, {"Custom": 1}]}
    assert (meta["err"], meta["status"]) == (error, {"Err": error})
    assert meta["preBalances"][0] - meta["postBalances"][0] == 5_000
    assert meta["logMessages"][-1].endswith("failed: custom program error: 0x1")


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


def test_transaction_is_the_one_that_was_signed(methods):
    record = methods.land(payment(SOL + 99))

    answer = get(methods, record, encoding="base64")

    raw = base64.b64decode(answer["transaction"][0])
    signed = VersionedTransaction.from_bytes(raw)
    assert str(signed.signatures[0]) == record.signature
    assert all(signed.verify_with_results())


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


def test_data_that_a_program_returned_is_shown(methods):
    size = Instruction(TOKEN_PROGRAM, b"\x15", [AccountMeta(USDC, False, False)])

    record = methods.land(size)

    shown = {
        "programId": str(TOKEN_PROGRAM),
        "data": [base64.b64encode((165).to_bytes(8, "little")).decode(), "base64"],
    }
    assert get(methods, record)["meta"]["returnData"] == shown
    assert get(methods, record, encoding="jsonParsed")["meta"]["returnData"] == shown
