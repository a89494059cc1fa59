"""Accounts in every encoding; jsonParsed has the shapes of agave's `account-decoder`."""

from __future__ import annotations

import struct

from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.localnet.sysvars import EPOCH_SCHEDULE_SYSVAR, RENT_SYSVAR
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    LOOKUP_TABLE_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, methods

__all__ = ["methods"]


PARSED = {"encoding": "jsonParsed", **CONFIRMED}
MINT = genesis.TOKENS["USDC"].mint
HERE = Pubkey(bytes([0xAA]) * 32)
OWNER, DELEGATE, CLOSER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))


def key(number):
    return str(Pubkey(bytes([number]) * 32))


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
