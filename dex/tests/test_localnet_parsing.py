"""jsonParsed instructions: the names and shapes of agave's `transaction-status`."""

from __future__ import annotations

import struct

import pytest

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

from .localnet_parsed import KEY, NO_KEY, U64, A, B, C, D, E, F, G, K, parsed

SEED = struct.pack("<Q", 4) + b"seed"


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
