"""Accounts in every encoding; jsonParsed has the shapes of agave's `account-decoder`."""

from __future__ import annotations

import base64
import struct

import pytest
from solders.pubkey import Pubkey

from dex.localnet import base58, genesis
from dex.localnet.programs import token_layout as layout
from dex.localnet.sysvars import EPOCH_SCHEDULE_SYSVAR, RENT_SYSVAR
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    LOOKUP_TABLE_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, WALLET, methods

__all__ = ["methods"]

PARSED = {"encoding": "jsonParsed", **CONFIRMED}
MINT = genesis.TOKENS["USDC"].mint
HERE = Pubkey(bytes([0xAA]) * 32)
OWNER, DELEGATE, CLOSER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))


def key(number):
    return str(Pubkey(bytes([number]) * 32))


def extension(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def parsed(methods, program, data, address=HERE):
    methods.put(address, Account(program, 10**9, data))
    value = methods.call("getAccountInfo", str(address), PARSED)["value"]
    assert value["space"] == len(data)
    return value["data"]


def test_token_account_shows_delegate_and_close_authority(methods):
    data = bytearray(layout.new_token_account(MINT, OWNER, 2_500_000))
    data[72:108] = b"\x01\0\0\0" + bytes(DELEGATE)
    data[108] = layout.FROZEN
    data[121:129] = (7).to_bytes(8, "little")
    data[129:165] = b"\x01\0\0\0" + bytes(CLOSER)

    assert parsed(methods, TOKEN_PROGRAM, bytes(data)) == {
        "program": "spl-token",
        "space": 165,
        "parsed": {
            "type": "account",
            "info": {
                "isNative": False,
                "mint": str(MINT),
                "owner": str(OWNER),
                "state": "frozen",
                "tokenAmount": {
                    **{"amount": "2500000", "decimals": 6},
                    **{"uiAmount": 2.5, "uiAmountString": "2.5"},
                },
                "delegate": str(DELEGATE),
                "delegatedAmount": {
                    **{"amount": "7", "decimals": 6},
                    **{"uiAmount": 0.000007, "uiAmountString": "0.000007"},
                },
                "closeAuthority": str(CLOSER),
            },
        },
    }


def test_wrapped_sol_shows_the_rent_it_keeps(methods):
    data = layout.new_token_account(
        WRAPPED_SOL_MINT, OWNER, 5, native_reserve=2_039_280
    )

    info = parsed(methods, TOKEN_PROGRAM, data)["parsed"]["info"]

    assert info["isNative"] is True
    assert info["rentExemptReserve"] == {
        **{"amount": "2039280", "decimals": 9},
        **{"uiAmount": 0.00203928, "uiAmountString": "0.00203928"},
    }
    assert not {"delegate", "delegatedAmount", "closeAuthority"} & set(info)


def test_mint_shows_its_authorities_or_null(methods):
    data = layout.new_mint(decimals=6, supply=9, authority=OWNER)

    assert parsed(methods, TOKEN_PROGRAM, data) == {
        "program": "spl-token",
        "space": 82,
        "parsed": {
            "type": "mint",
            "info": {
                "decimals": 6,
                "freezeAuthority": None,
                "isInitialized": True,
                "mintAuthority": str(OWNER),
                "supply": "9",
            },
        },
    }


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


def test_multisig_is_parsed(methods):
    data = (
        b"\x02\x03\x01" + b"".join(bytes([n]) * 32 for n in (1, 2, 3)) + bytes(8 * 32)
    )

    assert parsed(methods, TOKEN_PROGRAM, data)["parsed"] == {
        "type": "multisig",
        "info": {
            "numRequiredSigners": 2,
            "numValidSigners": 3,
            "isInitialized": True,
            "signers": [key(1), key(2), key(3)],
        },
    }


def test_lookup_table_is_parsed(methods):
    meta = struct.pack("<IQQBB", 1, 2**64 - 1, 77, 3, 1) + bytes(OWNER) + bytes(2)

    answer = parsed(
        methods, LOOKUP_TABLE_PROGRAM, meta + bytes(DELEGATE) + bytes(CLOSER)
    )

    assert answer["program"] == "address-lookup-table"
    assert answer["parsed"] == {
        "type": "lookupTable",
        "info": {
            "deactivationSlot": "18446744073709551615",
            "lastExtendedSlot": "77",
            "lastExtendedSlotStartIndex": 3,
            "authority": str(OWNER),
            "addresses": [str(DELEGATE), str(CLOSER)],
        },
    }
    frozen = struct.pack("<IQQBB", 1, 2**64 - 1, 77, 3, 0) + bytes(34)
    info = parsed(methods, LOOKUP_TABLE_PROGRAM, frozen)["parsed"]["info"]
    assert "authority" not in info
    empty = parsed(methods, LOOKUP_TABLE_PROGRAM, bytes(56))["parsed"]
    assert empty == {"type": "uninitialized"}


def test_sysvars_are_served_and_parsed(methods):
    def sysvar(address):
        value = methods.call("getAccountInfo", str(address), PARSED)["value"]
        assert value["owner"] == "Sysvar1111111111111111111111111111111111111"
        assert value["data"]["program"] == "sysvar"
        return value["lamports"], value["space"], value["data"]["parsed"]

    now = methods.network.ledger.clock.unix_timestamp(methods.slot)
    clock = {
        **{"slot": methods.slot, "epoch": 0, "epochStartTimestamp": 0},
        **{"leaderScheduleEpoch": 1, "unixTimestamp": now},
    }
    rent = {
        **{"lamportsPerByteYear": "3480", "exemptionThreshold": 2.0},
        **{"burnPercent": 50},
    }
    schedule = methods.call("getEpochSchedule")
    assert sysvar(CLOCK_SYSVAR) == (1_169_280, 40, {"type": "clock", "info": clock})
    assert sysvar(RENT_SYSVAR) == (1_009_200, 17, {"type": "rent", "info": rent})
    assert sysvar(EPOCH_SCHEDULE_SYSVAR) == (
        *(1_120_560, 33),
        {"type": "epochSchedule", "info": schedule},
    )


@pytest.mark.parametrize(
    ("program", "data"),
    [
        (OWNER, b"mine"),
        (TOKEN_PROGRAM, b"neither a mint nor an account"),
        (TOKEN_PROGRAM, bytes(165)),  # not initialised
        (TOKEN_PROGRAM, layout.new_token_account(CLOSER, OWNER)),  # of no known mint
        (TOKEN_PROGRAM, bytes(355)),
        (LOOKUP_TABLE_PROGRAM, b"\x01\0\0\0"),
        (LOOKUP_TABLE_PROGRAM, b""),
        (Pubkey.from_string("Sysvar1111111111111111111111111111111111111"), b"?"),
    ],
)
def test_what_cannot_be_parsed_falls_back_to_base64(methods, program, data):
    assert parsed(methods, program, data) == [base64.b64encode(data).decode(), "base64"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, base58.encode(b"\x00hello")),
        (None, base58.encode(b"\x00hello")),
        ({"encoding": "binary"}, base58.encode(b"\x00hello")),
        ({"encoding": "base58"}, [base58.encode(b"\x00hello"), "base58"]),
        ({"encoding": "base64"}, [base64.b64encode(b"\x00hello").decode(), "base64"]),
        (
            {"encoding": "base64", "dataSlice": {"offset": 1, "length": 4}},
            [base64.b64encode(b"hell").decode(), "base64"],
        ),
        (
            {"encoding": "jsonParsed", "dataSlice": {"offset": 5, "length": 9}},
            [base64.b64encode(b"o").decode(), "base64"],
        ),
        ({"dataSlice": {"offset": 99, "length": 1}}, ""),
    ],
)
def test_account_is_shown_in_the_encoding_asked_for(methods, options, shown):
    methods.put(HERE, Account(OWNER, 42, b"\x00hello"))

    value = methods.call("getAccountInfo", str(HERE), options)["value"]

    assert value == {
        "data": shown,
        "executable": False,
        "lamports": 42,
        "owner": str(OWNER),
        "rentEpoch": 18_446_744_073_709_551_615,
        "space": 6,
    }


def test_program_is_executable(methods):
    value = methods.call("getAccountInfo", str(TOKEN_PROGRAM), PARSED)["value"]

    assert value["executable"] is True


def test_long_data_is_refused_in_base58_and_zstd_always(methods):
    methods.put(HERE, Account(OWNER, 42, bytes(129)))

    long = methods.refusal("getAccountInfo", str(HERE))
    zstd = methods.refusal(
        "getAccountInfo", str(WALLET.pubkey()), {"encoding": "base64+zstd"}
    )

    assert long == {
        "code": -32600,
        "message": "Encoded binary (base 58) data should be less than 128 bytes, "
        "please use Base64 encoding.",
    }
    assert zstd == {
        "code": -32602,
        "message": "Encoding `base64+zstd` is not supported by localnet. Supported "
        "encodings: base64, base58, jsonParsed",
    }
    sliced = {"dataSlice": {"offset": 1, "length": 128}}
    assert (
        methods.call("getAccountInfo", str(HERE), sliced)["value"]["data"] == "1" * 128
    )
