"""jsonParsed instructions of transfer fees (agave: `extension/transfer_fee.rs`)."""

from __future__ import annotations

import struct

import pytest

from dex.solana.addresses import TOKEN_2022_PROGRAM

from .localnet_parsed import NO_KEY, SOME_KEY, U64, A, B, C, D, E, K, parsed

AMOUNT = {"amount": "2500", "decimals": 2, "uiAmount": 25.0, "uiAmountString": "25"}
CHECKED = U64(2_500) + b"\x02"
FEE_INSTRUCTIONS = [
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
]


@pytest.mark.parametrize(("accounts", "data", "kind", "info"), FEE_INSTRUCTIONS)
def test_transfer_fee_instruction_is_parsed(accounts, data, kind, info):
    answer = parsed(TOKEN_2022_PROGRAM, accounts, data)

    assert answer == ("spl-token", kind, info)


def test_multisig_of_a_transfer_fee_keeps_the_name_that_nodes_write():
    data = b"\x1a\x05" + struct.pack("<HQ", 1, 2)

    _, _, info = parsed(TOKEN_2022_PROGRAM, [A, B, C], data)

    assert info["multisigtransferFeeConfigAuthority"] == B
    assert info["signers"] == [C]
