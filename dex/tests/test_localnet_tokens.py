"""Methods about token accounts and mints, and filters of program accounts."""

from __future__ import annotations

import base64

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import (
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, OTHER, WALLET, methods

__all__ = ["methods"]

MINT = Pubkey(bytes([0x10]) * 32)
HOLDERS = [Pubkey(bytes([number]) * 32) for number in range(0x20, 0x20 + 22)]
NOBODY = Pubkey(bytes([0x12]) * 32)
DELEGATE = Pubkey(bytes([0x11]) * 32)
USDC = genesis.TOKENS["USDC"].mint
WALLET_USDC = associated_token_address(WALLET.pubkey(), USDC)


@pytest.fixture
def held(methods):
    """A mint of two decimals whose accounts hold 0, 10, 20 … base units."""
    mint = layout.new_mint(decimals=2, supply=2_310, authority=None)
    methods.put(MINT, Account(TOKEN_PROGRAM, 10**9, mint))
    for position, holder in enumerate(HOLDERS):
        data = bytearray(layout.new_token_account(MINT, OTHER, position * 10))
        if position % 2:
            data[72:108] = b"\x01\0\0\0" + bytes(DELEGATE)
        methods.put(holder, Account(TOKEN_PROGRAM, 10**9, bytes(data)))
    return methods


def test_supply_is_what_the_mint_says(held):
    assert held.call("getTokenSupply", str(MINT), CONFIRMED)["value"] == {
        **{"amount": "2310", "decimals": 2, "uiAmount": 23.1},
        "uiAmountString": "23.1",
    }


def test_largest_accounts_are_at_most_twenty_the_largest_first(held):
    value = held.call("getTokenLargestAccounts", str(MINT), CONFIRMED)["value"]

    assert [entry["amount"] for entry in value] == [
        str(amount) for amount in range(210, 10, -10)
    ]
    assert value[0] == {
        "address": str(HOLDERS[21]),
        **{"amount": "210", "decimals": 2, "uiAmount": 2.1},
        "uiAmountString": "2.1",
    }


def test_accounts_of_a_delegate_are_found_in_order_of_their_addresses(held):
    by_mint = held.call(
        "getTokenAccountsByDelegate",
        str(DELEGATE),
        {"mint": str(MINT)},
        {"encoding": "base64"},
    )
    by_program = held.call(
        "getTokenAccountsByDelegate",
        str(DELEGATE),
        {"programId": str(TOKEN_PROGRAM)},
        {"encoding": "jsonParsed"},
    )

    expected = [str(holder) for holder in HOLDERS[1::2]]
    assert [entry["pubkey"] for entry in by_program["value"]] == expected
    assert [entry["pubkey"] for entry in by_mint["value"]] == expected
    assert by_mint["context"]["slot"] == held.slot - 32
    info = by_program["value"][0]["account"]["data"]["parsed"]["info"]
    assert info["delegate"] == str(DELEGATE)


def test_long_token_accounts_need_base64(held):
    answer = held.refusal("getTokenAccountsByOwner", str(OTHER), {"mint": str(MINT)})

    assert answer["code"] == -32600


def test_accounts_of_an_owner_are_found_by_mint_or_program(methods):
    owner = str(WALLET.pubkey())
    options = {"encoding": "base64", **CONFIRMED}

    by_mint = methods.call(
        "getTokenAccountsByOwner", owner, {"mint": str(USDC)}, options
    )
    by_program = methods.call(
        "getTokenAccountsByOwner",
        owner,
        {"programId": str(TOKEN_2022_PROGRAM)},
        options,
    )

    (entry,) = by_mint["value"]
    assert entry["pubkey"] == str(WALLET_USDC)
    assert base64.b64decode(entry["account"]["data"][0])[:32] == bytes(USDC)
    assert by_program["value"] == []


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("getTokenSupply", [str(NOBODY)], "could not find account"),
        ("getTokenSupply", [str(WALLET.pubkey())], "not a Token mint"),
        ("getTokenSupply", [str(WALLET_USDC)], "mint could not be unpacked"),
        ("getTokenAccountBalance", [str(NOBODY)], "could not find account"),
        ("getTokenAccountBalance", [str(WALLET.pubkey())], "not a Token account"),
        ("getTokenAccountBalance", [str(USDC)], "not a Token account"),
        ("getTokenLargestAccounts", [str(NOBODY)], "could not find mint"),
        ("getTokenLargestAccounts", [str(WALLET_USDC)], "not a Token mint"),
        (
            *("getTokenAccountsByOwner", [str(OTHER), {"mint": str(NOBODY)}]),
            "could not find mint",
        ),
        (
            *("getTokenAccountsByOwner", [str(OTHER), {"programId": str(OTHER)}]),
            "unrecognized Token program id",
        ),
    ],
)
def test_what_is_no_token_is_refused(methods, method, params, message):
    assert methods.refusal(method, *params) == {
        **{"code": -32602, "message": f"Invalid param: {message}"}
    }


@pytest.mark.parametrize(
    "wanted",
    [{}, {"mint": str(USDC), "programId": str(TOKEN_PROGRAM)}, "mint", 5],
)
def test_either_a_mint_or_a_program_is_asked_for(methods, wanted):
    answer = methods.refusal("getTokenAccountsByOwner", str(OTHER), wanted)

    assert answer["code"] == -32602


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([{"dataSize": 165}, {"memcmp": {"offset": 0, "bytes": str(MINT)}}], 22),
        (
            [
                {
                    "memcmp": {
                        "offset": 76,
                        "bytes": base64.b64encode(bytes(DELEGATE)).decode(),
                        "encoding": "base64",
                    }
                }
            ],
            11,
        ),
        (
            [{"memcmp": {"offset": 64, "bytes": [210, 0], "encoding": "bytes"}}],
            1,
        ),
        (
            ["tokenAccountState", {"memcmp": {"offset": 0, "bytes": str(MINT)}}],
            22,
        ),
        ([{"dataSize": 82}, {"memcmp": {"offset": 44, "bytes": "3"}}], 1),
    ],
)
def test_program_accounts_pass_every_filter(held, filters, count):
    options = {"filters": filters, "encoding": "base64", **CONFIRMED}

    value = held.call("getProgramAccounts", str(TOKEN_PROGRAM), options)

    assert len(value) == count
    addresses = [bytes(Pubkey.from_string(entry["pubkey"])) for entry in value]
    assert addresses == sorted(addresses)


def test_program_accounts_come_with_context_and_sliced_on_request(held):
    options = {
        "filters": [{"memcmp": {"offset": 0, "bytes": str(MINT)}}],
        "encoding": "base64",
        "dataSlice": {"offset": 64, "length": 2},
        "withContext": True,
        **CONFIRMED,
    }

    answer = held.call("getProgramAccounts", str(TOKEN_PROGRAM), options)

    assert answer["context"]["slot"] == held.slot
    assert answer["value"][21]["account"]["data"] == [
        *(base64.b64encode(b"\xd2\x00").decode(), "base64"),
    ]
