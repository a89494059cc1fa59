"""Token-2022 extensions as agave's `parse_token_extension.rs` shows them."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import (
    TOKEN_2022_PROGRAM,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, methods

__all__ = ["methods"]


PARSED = {"encoding": "jsonParsed", **CONFIRMED}
MINT = genesis.TOKENS["USDC"].mint
HERE = Pubkey(bytes([0xAA]) * 32)
OWNER, DELEGATE, CLOSER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))


def extension(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def parsed(methods, program, data, address=HERE):
    methods.put(address, Account(program, 10**9, data))
    value = methods.call("getAccountInfo", str(address), PARSED)["value"]
    assert value["space"] == len(data)
    return value["data"]


def mint_with(*extensions):
    base = layout.new_mint(decimals=6, supply=9, authority=None)
    return base + bytes(165 - 82) + bytes([layout.KIND_MINT]) + b"".join(extensions)


def fee(epoch, maximum, bps):
    return struct.pack("<QQH", epoch, maximum, bps)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (
            1,
            bytes(OWNER)
            + bytes(32)
            + struct.pack("<Q", 3)
            + fee(0, 5, 1)
            + fee(2, 6, 9),
            {
                "extension": "transferFeeConfig",
                "state": {
                    "transferFeeConfigAuthority": str(OWNER),
                    "withdrawWithheldAuthority": None,
                    "withheldAmount": 3,
                    "olderTransferFee": {
                        **{"epoch": 0, "maximumFee": 5, "transferFeeBasisPoints": 1}
                    },
                    "newerTransferFee": {
                        **{"epoch": 2, "maximumFee": 6, "transferFeeBasisPoints": 9}
                    },
                },
            },
        ),
        (
            3,
            bytes(OWNER),
            {
                "extension": "mintCloseAuthority",
                "state": {"closeAuthority": str(OWNER)},
            },
        ),
        (
            6,
            b"\x02",
            {"extension": "defaultAccountState", "state": {"accountState": "frozen"}},
        ),
        (9, b"", {"extension": "nonTransferable"}),
        (
            10,
            bytes(OWNER) + struct.pack("<qhqh", 100, -3, 200, 4),
            {
                "extension": "interestBearingConfig",
                "state": {
                    "rateAuthority": str(OWNER),
                    "initializationTimestamp": 100,
                    "preUpdateAverageRate": -3,
                    "lastUpdateTimestamp": 200,
                    "currentRate": 4,
                },
            },
        ),
        (
            12,
            bytes(DELEGATE),
            {"extension": "permanentDelegate", "state": {"delegate": str(DELEGATE)}},
        ),
        (
            14,
            bytes(32) + bytes(OWNER),
            {
                "extension": "transferHook",
                "state": {"authority": None, "programId": str(OWNER)},
            },
        ),
        (
            18,
            bytes(OWNER) + bytes(32),
            {
                "extension": "metadataPointer",
                "state": {"authority": str(OWNER), "metadataAddress": None},
            },
        ),
        (
            19,
            bytes(32)
            + bytes(MINT)
            + b"\x02\0\0\0Hi\x01\0\0\0H\0\0\0\0"
            + b"\x01\0\0\0\x01\0\0\0k\x01\0\0\0v",
            {
                "extension": "tokenMetadata",
                "state": {
                    "updateAuthority": None,
                    "mint": str(MINT),
                    **{"name": "Hi", "symbol": "H", "uri": ""},
                    "additionalMetadata": [["k", "v"]],
                },
            },
        ),
        (
            25,
            bytes(OWNER) + struct.pack("<dqd", 1.5, 100, 2.0),
            {
                "extension": "scaledUiAmountConfig",
                "state": {
                    **{"authority": str(OWNER), "multiplier": "1.5"},
                    **{"newMultiplierEffectiveTimestamp": 100, "newMultiplier": "2"},
                },
            },
        ),
        (
            26,
            bytes(OWNER) + b"\x01",
            {
                "extension": "pausableConfig",
                "state": {"authority": str(OWNER), "paused": True},
            },
        ),
        (4, bytes(97), {"extension": "unparsableExtension"}),
        (1, b"short", {"extension": "unparsableExtension"}),
        (99, b"", {"extension": "unparsableExtension"}),
    ],
)
def test_mint_of_token_2022_lists_its_extensions(methods, kind, value, shown):
    answer = parsed(methods, TOKEN_2022_PROGRAM, mint_with(extension(kind, value)))

    assert answer["program"] == "spl-token-2022"
    assert answer["parsed"]["info"]["extensions"] == [shown]


def test_account_of_token_2022_lists_its_extensions(methods):
    methods.put(HERE, Account(TOKEN_2022_PROGRAM, 10**9, mint_with()))
    base = layout.new_token_account(HERE, OWNER, 5) + bytes([layout.KIND_ACCOUNT])
    stored = [
        extension(7, b""),
        extension(2, struct.pack("<Q", 8)),
        extension(8, b"\x01"),
        extension(11, b"\x00"),
        extension(15, b"\x00"),
        extension(27, b""),
    ]

    answer = parsed(methods, TOKEN_2022_PROGRAM, base + b"".join(stored), OWNER)

    assert answer["parsed"]["info"]["extensions"] == [
        {"extension": "immutableOwner"},
        {"extension": "transferFeeAmount", "state": {"withheldAmount": 8}},
        {
            "extension": "memoTransfer",
            "state": {"requireIncomingTransferMemos": True},
        },
        {"extension": "cpiGuard", "state": {"lockCpi": False}},
        {"extension": "transferHookAccount", "state": {"transferring": False}},
        {"extension": "pausableAccount"},
    ]
