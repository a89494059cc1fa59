"""Accounts in every encoding, with what real nodes refuse."""

from __future__ import annotations

import base64

import pytest
from solders.pubkey import Pubkey

from dex.localnet import base58
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import (
    LOOKUP_TABLE_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account

from .localnet_methods import CONFIRMED, WALLET, methods

__all__ = ["methods"]


PARSED = {"encoding": "jsonParsed", **CONFIRMED}
HERE = Pubkey(bytes([0xAA]) * 32)
OWNER, DELEGATE, CLOSER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))


def parsed(methods, program, data, address=HERE):
    methods.put(address, Account(program, 10**9, data))
    value = methods.call("getAccountInfo", str(address), PARSED)["value"]
    assert value["space"] == len(data)
    return value["data"]


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
