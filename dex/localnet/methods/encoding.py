"""Accounts as JSON: base58, base64, and jsonParsed where nodes know the program."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet import base58
from dex.localnet.parsing.accounts import parse_account
from dex.localnet.programs import is_executable
from dex.types import Account

from .rpc import INVALID_REQUEST, Options, RpcError, invalid

ENCODINGS = ("binary", "base58", "base64", "jsonParsed")
MAX_BASE58_BYTES = 128
RENT_EPOCH = 2**64 - 1
Read = Callable[[Pubkey], Account | None]


def account_encoding(options: Options, default: str = "binary") -> str:
    """Return the encoding asked for; `binary` is base58 as old clients expect it."""
    if options.text("encoding") == "base64+zstd":
        raise invalid(
            "Encoding `base64+zstd` is not supported by localnet. Supported encodings: "
            "base64, base58, jsonParsed"
        )
    return options.choice("encoding", ENCODINGS, default)


def account_json(
    address: Pubkey,
    account: Account | None,
    options: Options,
    read: Read,
    *,
    default: str = "binary",
) -> Any:
    """Return an account as getAccountInfo shows it; `read` finds a token's mint."""
    encoding = account_encoding(options, default)
    if account is None:
        return None
    return {
        "data": _data(address, account, encoding, options, read),
        "executable": is_executable(account),
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": RENT_EPOCH,
        "space": len(account.data),
    }


def _data(
    address: Pubkey, account: Account, encoding: str, options: Options, read: Read
) -> Any:
    if encoding == "jsonParsed":
        parsed = parse_account(address, account, read)
        if parsed is not None:
            return parsed
        encoding = "base64"
    data = _slice(account.data, options)
    if encoding == "base64":
        return [base64.b64encode(data).decode(), "base64"]
    if len(data) > MAX_BASE58_BYTES:
        raise RpcError(
            INVALID_REQUEST,
            "Encoded binary (base 58) data should be less than 128 bytes, "
            "please use Base64 encoding.",
        )
    text = base58.encode(data)
    return [text, "base58"] if encoding == "base58" else text


def _slice(data: bytes, options: Options) -> bytes:
    part = options.within("dataSlice")
    if part is None:
        return data
    offset, length = part.number("offset"), part.number("length")
    if offset is None or length is None:
        raise invalid("Invalid params: dataSlice: needs an offset and a length.")
    return data[offset : offset + length]
