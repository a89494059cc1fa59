"""jsonParsed instructions: the names and shapes of agave's `transaction-status`."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from dex.localnet import base58
from dex.localnet.parsing.instructions import parse_instruction
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

A, B, C, D, E, F, G = (str(Pubkey(bytes([number]) * 32)) for number in range(1, 8))
KEY = Pubkey(bytes([9]) * 32)
K = str(KEY)
SEED = struct.pack("<Q", 4) + b"seed"
U64 = struct.Struct("<Q").pack


def parsed(program, accounts, data):
    answer = parse_instruction(str(program), accounts, data, 1)
    assert answer["programId"] == str(program)
    assert answer["stackHeight"] == 1
    assert set(answer) == {"program", "programId", "parsed", "stackHeight"}, answer
    return answer["program"], answer["parsed"]["type"], answer["parsed"]["info"]


def tag(number, *parts):
    return struct.pack("<I", number) + b"".join(parts)


@pytest.mark.parametrize(
    ("accounts", "data", "kind", "info"),
    [
        (
            [A, B],
            tag(0, U64(5), U64(165), bytes(KEY)),
            "createAccount",
            {"source": A, "newAccount": B, "lamports": 5, "space": 165, "owner": K},
        ),
        ([A], tag(1, bytes(KEY)), "assign", {"account": A, "owner": K}),
        (
            [A, B],
            tag(2, U64(7)),
            "transfer",
            {"source": A, "destination": B, "lamports": 7},
        ),
        (
            [A, B],
            tag(3, bytes(KEY), SEED, U64(5), U64(6), bytes(KEY)),
            "createAccountWithSeed",
            {
                **{"source": A, "newAccount": B, "base": K, "seed": "seed"},
                **{"lamports": 5, "space": 6, "owner": K},
            },
        ),
        (
            [A, B, C],
            tag(4),
            "advanceNonce",
            {"nonceAccount": A, "recentBlockhashesSysvar": B, "nonceAuthority": C},
        ),
        (
            [A, B, C, D, E],
            tag(5, U64(7)),
            "withdrawFromNonce",
            {
                **{"nonceAccount": A, "destination": B, "recentBlockhashesSysvar": C},
                **{"rentSysvar": D, "nonceAuthority": E, "lamports": 7},
            },
        ),
        (
            [A, B, C],
            tag(6, bytes(KEY)),
            "initializeNonce",
            {
                **{"nonceAccount": A, "recentBlockhashesSysvar": B},
                **{"rentSysvar": C, "nonceAuthority": K},
            },
        ),
        (
            [A, B],
            tag(7, bytes(KEY)),
            "authorizeNonce",
            {"nonceAccount": A, "nonceAuthority": B, "newAuthorized": K},
        ),
        ([A], tag(8, U64(9)), "allocate", {"account": A, "space": 9}),
        (
            [A, B],
            tag(9, bytes(KEY), SEED, U64(9), bytes(KEY)),
            "allocateWithSeed",
            {"account": A, "base": K, "seed": "seed", "space": 9, "owner": K},
        ),
        (
            [A, B],
            tag(10, bytes(KEY), SEED, bytes(KEY)),
            "assignWithSeed",
            {"account": A, "base": K, "seed": "seed", "owner": K},
        ),
        (
            [A, B, C],
            tag(11, U64(7), SEED, bytes(KEY)),
            "transferWithSeed",
            {
                **{"source": A, "sourceBase": B, "destination": C, "lamports": 7},
                **{"sourceSeed": "seed", "sourceOwner": K},
            },
        ),
        ([A], tag(12), "upgradeNonce", {"nonceAccount": A}),
    ],
)
def test_system_instruction_is_parsed(accounts, data, kind, info):
    assert parsed(SYSTEM_PROGRAM, accounts, data) == ("system", kind, info)


AMOUNT = {"amount": "2500", "decimals": 2, "uiAmount": 25.0, "uiAmountString": "25"}
CHECKED = U64(2_500) + b"\x02"
SOME_KEY, NO_KEY = b"\x01" + bytes(KEY), b"\x00"

TOKEN_INSTRUCTIONS = [
    (
        [A, B],
        b"\x00\x06" + bytes(KEY) + SOME_KEY,
        "initializeMint",
        {
            **{"mint": A, "rentSysvar": B, "decimals": 6},
            **{"mintAuthority": K, "freezeAuthority": K},
        },
    ),
    (
        [A],
        b"\x14\x06" + bytes(KEY) + NO_KEY,
        "initializeMint2",
        {"mint": A, "decimals": 6, "mintAuthority": K},
    ),
    (
        [A, B, C, D],
        b"\x01",
        "initializeAccount",
        {"account": A, "mint": B, "owner": C, "rentSysvar": D},
    ),
    (
        [A, B, C],
        b"\x10" + bytes(KEY),
        "initializeAccount2",
        {"account": A, "mint": B, "rentSysvar": C, "owner": K},
    ),
    (
        [A, B],
        b"\x12" + bytes(KEY),
        "initializeAccount3",
        {"account": A, "mint": B, "owner": K},
    ),
    (
        [A, B, C, D],
        b"\x02\x02",
        "initializeMultisig",
        {"multisig": A, "rentSysvar": B, "signers": [C, D], "m": 2},
    ),
    (
        [A, C, D],
        b"\x13\x01",
        "initializeMultisig2",
        {"multisig": A, "signers": [C, D], "m": 1},
    ),
    (
        [A, B, C],
        b"\x03" + U64(5),
        "transfer",
        {"source": A, "destination": B, "amount": "5", "authority": C},
    ),
    (
        [A, B, C, D, E],
        b"\x03" + U64(5),
        "transfer",
        {
            **{"source": A, "destination": B, "amount": "5"},
            **{"multisigAuthority": C, "signers": [D, E]},
        },
    ),
    (
        [A, B, C],
        b"\x04" + U64(5),
        "approve",
        {"source": A, "delegate": B, "amount": "5", "owner": C},
    ),
    ([A, B], b"\x05", "revoke", {"source": A, "owner": B}),
    (
        [A, B],
        b"\x06\x00" + SOME_KEY,
        "setAuthority",
        {"mint": A, "authorityType": "mintTokens", "newAuthority": K, "authority": B},
    ),
    (
        [A, B],
        b"\x06\x03" + NO_KEY,
        "setAuthority",
        {
            **{"account": A, "authorityType": "closeAccount"},
            **{"newAuthority": None, "authority": B},
        },
    ),
    (
        [A, B, C],
        b"\x07" + U64(5),
        "mintTo",
        {"mint": A, "account": B, "amount": "5", "mintAuthority": C},
    ),
    (
        [A, B, C],
        b"\x08" + U64(5),
        "burn",
        {"account": A, "mint": B, "amount": "5", "authority": C},
    ),
    ([A, B, C], b"\x09", "closeAccount", {"account": A, "destination": B, "owner": C}),
    (
        [A, B, C],
        b"\x0a",
        "freezeAccount",
        {"account": A, "mint": B, "freezeAuthority": C},
    ),
    (
        [A, B, C],
        b"\x0b",
        "thawAccount",
        {"account": A, "mint": B, "freezeAuthority": C},
    ),
    (
        [A, B, C, D],
        b"\x0c" + CHECKED,
        "transferChecked",
        {
            **{"source": A, "mint": B, "destination": C},
            **{"tokenAmount": AMOUNT, "authority": D},
        },
    ),
    (
        [A, B, C, D],
        b"\x0d" + CHECKED,
        "approveChecked",
        {"source": A, "mint": B, "delegate": C, "tokenAmount": AMOUNT, "owner": D},
    ),
    (
        [A, B, C],
        b"\x0e" + CHECKED,
        "mintToChecked",
        {"mint": A, "account": B, "tokenAmount": AMOUNT, "mintAuthority": C},
    ),
    (
        [A, B, C],
        b"\x0f" + CHECKED,
        "burnChecked",
        {"account": A, "mint": B, "tokenAmount": AMOUNT, "authority": C},
    ),
    ([A], b"\x11", "syncNative", {"account": A}),
    ([A], b"\x15", "getAccountDataSize", {"mint": A}),
    (
        [A],
        b"\x15\x07\x00\x02\x00",
        "getAccountDataSize",
        {"mint": A, "extensionTypes": ["immutableOwner", "transferFeeAmount"]},
    ),
    ([A], b"\x16", "initializeImmutableOwner", {"account": A}),
    ([A], b"\x17" + U64(5), "amountToUiAmount", {"mint": A, "amount": "5"}),
    ([A], b"\x180.5", "uiAmountToAmount", {"mint": A, "uiAmount": "0.5"}),
    (
        [A],
        b"\x19" + NO_KEY,
        "initializeMintCloseAuthority",
        {"mint": A, "newAuthority": None},
    ),
    (
        [A],
        b"\x1a\x00" + SOME_KEY + NO_KEY + struct.pack("<HQ", 42, 2_121),
        "initializeTransferFeeConfig",
        {
            **{"mint": A, "transferFeeConfigAuthority": K},
            **{"transferFeeBasisPoints": 42, "maximumFee": 2_121},
        },
    ),
    (
        [A, B, C, D],
        b"\x1a\x01" + CHECKED + U64(5),
        "transferCheckedWithFee",
        {
            **{"source": A, "mint": B, "destination": C, "authority": D},
            "tokenAmount": AMOUNT,
            "feeAmount": {
                **{"amount": "5", "decimals": 2},
                **{"uiAmount": 0.05, "uiAmountString": "0.05"},
            },
        },
    ),
    (
        [A, B, C],
        b"\x1a\x02",
        "withdrawWithheldTokensFromMint",
        {"mint": A, "feeRecipient": B, "withdrawWithheldAuthority": C},
    ),
    (
        [A, B, C, D, E],
        b"\x1a\x03\x02",
        "withdrawWithheldTokensFromAccounts",
        {
            **{"mint": A, "feeRecipient": B, "withdrawWithheldAuthority": C},
            **{"sourceAccounts": [D, E]},
        },
    ),
    (
        [A, B, C],
        b"\x1a\x04",
        "harvestWithheldTokensToMint",
        {"mint": A, "sourceAccounts": [B, C]},
    ),
    (
        [A, B],
        b"\x1a\x05" + struct.pack("<HQ", 42, 2_121),
        "setTransferFee",
        {
            **{"mint": A, "transferFeeConfigAuthority": B},
            **{"transferFeeBasisPoints": 42, "maximumFee": 2_121},
        },
    ),
    (
        [A, B, C],
        b"\x1f",
        "createNativeMint",
        dict(
            zip(
                ("payer", "nativeMint", "systemProgram"),
                (A, B, C),
                strict=True,
            )
        ),
    ),
    ([A], b"\x20", "initializeNonTransferableMint", {"mint": A}),
    (
        [A, B, C],
        b"\x26",
        "withdrawExcessLamports",
        {"source": A, "destination": B, "authority": C},
    ),
]


@pytest.mark.parametrize(("accounts", "data", "kind", "info"), TOKEN_INSTRUCTIONS)
@pytest.mark.parametrize("program", [TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
def test_token_instruction_is_parsed(program, accounts, data, kind, info):
    assert parsed(program, accounts, data) == ("spl-token", kind, info)


@pytest.mark.parametrize(
    ("accounts", "data", "kind", "info"),
    [
        (
            [A, B, C, D],
            tag(0, U64(77), b"\xfe"),
            "createLookupTable",
            {
                **{"lookupTableAccount": A, "lookupTableAuthority": B},
                **{"payerAccount": C, "systemProgram": D},
                **{"recentSlot": 77, "bumpSeed": 254},
            },
        ),
        (
            [A, B],
            tag(1),
            "freezeLookupTable",
            {"lookupTableAccount": A, "lookupTableAuthority": B},
        ),
        (
            [A, B, C, D],
            tag(2, U64(1), bytes(KEY)),
            "extendLookupTable",
            {
                **{"lookupTableAccount": A, "lookupTableAuthority": B},
                **{"payerAccount": C, "systemProgram": D, "newAddresses": [K]},
            },
        ),
        (
            [A, B],
            tag(2, U64(1), bytes(KEY)),
            "extendLookupTable",
            {
                **{"lookupTableAccount": A, "lookupTableAuthority": B},
                **{"newAddresses": [K]},
            },
        ),
        (
            [A, B],
            tag(3),
            "deactivateLookupTable",
            {"lookupTableAccount": A, "lookupTableAuthority": B},
        ),
        (
            [A, B, C],
            tag(4),
            "closeLookupTable",
            {"lookupTableAccount": A, "lookupTableAuthority": B, "recipient": C},
        ),
    ],
)
def test_lookup_table_instruction_is_parsed(accounts, data, kind, info):
    answer = parsed(LOOKUP_TABLE_PROGRAM, accounts, data)

    assert answer == ("address-lookup-table", kind, info)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "create"), (b"\x00", "create"), (b"\x01", "createIdempotent")],
)
def test_associated_token_creation_is_parsed(data, kind):
    assert parsed(ASSOCIATED_TOKEN_PROGRAM, [A, B, C, D, E, F], data) == (
        "spl-associated-token-account",
        kind,
        {
            **{"source": A, "account": B, "wallet": C},
            **{"mint": D, "systemProgram": E, "tokenProgram": F},
        },
    )


def test_recovered_nested_account_is_parsed():
    _, kind, info = parsed(ASSOCIATED_TOKEN_PROGRAM, [A, B, C, D, E, F, G], b"\x02")

    assert kind == "recoverNested"
    assert info == {
        **{"nestedSource": A, "nestedMint": B, "destination": C, "nestedOwner": D},
        **{"ownerMint": E, "wallet": F, "tokenProgram": G},
    }


def test_memo_is_parsed_as_a_plain_text():
    assert parse_instruction(str(MEMO_PROGRAM), [A], "🦖".encode(), 2) == {
        "program": "spl-memo",
        "programId": str(MEMO_PROGRAM),
        "parsed": "🦖",
        "stackHeight": 2,
    }


@pytest.mark.parametrize(
    ("program", "accounts", "data"),
    [
        (COMPUTE_BUDGET_PROGRAM, [], b"\x02\x00\x00\x00\x00"),  # no node parses it
        (KEY, [A], b"anything"),
        (MEMO_PROGRAM, [], b"\xff"),
        (SYSTEM_PROGRAM, [A], tag(2, U64(7))),  # an account is missing
        (SYSTEM_PROGRAM, [A, B], tag(2)),  # the amount is missing
        (SYSTEM_PROGRAM, [A, B], tag(99)),
        (SYSTEM_PROGRAM, [], tag(12)),
        (SYSTEM_PROGRAM, [A, B], tag(3, bytes(KEY), U64(2), b"\xff\xff")),
        (TOKEN_PROGRAM, [A, B], b"\x03" + U64(5)),  # no authority
        (TOKEN_PROGRAM, [A], b"\x02\x01"),
        (TOKEN_PROGRAM, [A, B], b"\x06\x77" + NO_KEY),
        (TOKEN_PROGRAM, [A], b"\x15\x77\x77"),
        (TOKEN_PROGRAM, [A], b"\xfe"),
        (TOKEN_2022_PROGRAM, [A, B, C], b"\x1a\x03\x02"),
        (TOKEN_2022_PROGRAM, [A], b"\x1a\x09"),
        (ASSOCIATED_TOKEN_PROGRAM, [A], b"\x01"),
        (ASSOCIATED_TOKEN_PROGRAM, [A, B, C, D, E, F, G], b"\x03"),
        (LOOKUP_TABLE_PROGRAM, [A, B], tag(9)),
    ],
)
def test_what_no_node_can_parse_stays_partially_decoded(program, accounts, data):
    assert parse_instruction(str(program), accounts, data, None) == {
        "programId": str(program),
        "accounts": accounts,
        "data": base58.encode(data),
        "stackHeight": None,
    }


def test_multisig_of_a_transfer_fee_keeps_the_name_that_nodes_write():
    data = b"\x1a\x05" + struct.pack("<HQ", 1, 2)

    _, _, info = parsed(TOKEN_2022_PROGRAM, [A, B, C], data)

    assert info["multisigtransferFeeConfigAuthority"] == B
    assert info["signers"] == [C]
