"""getTransaction in jsonParsed, and what moved inside: calls and token balances."""

from __future__ import annotations

from solders.compute_budget import set_compute_unit_price
from solders.instruction import AccountMeta, Instruction

from dex.localnet import base58, genesis
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)

from .localnet_methods import CONFIRMED, OTHER, SOL, WALLET, methods, payment

__all__ = ["methods"]


ANY_VERSION = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
PAYER = WALLET.pubkey()
FRIEND = OTHER
USDC = genesis.TOKENS["USDC"].mint
ACCOUNT = associated_token_address(FRIEND, USDC)


def get(methods, record, **options):
    return methods.call("getTransaction", record.signature, {**ANY_VERSION, **options})


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
