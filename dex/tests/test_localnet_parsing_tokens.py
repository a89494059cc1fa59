"""jsonParsed instructions of the token programs, as agave's `parse_token.rs` has them."""

from __future__ import annotations

import pytest

from dex.solana.addresses import (
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

from .localnet_parsed import KEY, NO_KEY, SOME_KEY, U64, A, B, C, D, E, K, parsed

AMOUNT = {"amount": "2500", "decimals": 2, "uiAmount": 25.0, "uiAmountString": "25"}
CHECKED = U64(2_500) + b"\x02"
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
