"""Accounts as JSON: base58, base64, and jsonParsed for mints and token accounts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet import base58
from dex.localnet.meta import token_amount
from dex.localnet.programs import PROGRAMS
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from .rpc import INVALID_REQUEST, Options, RpcError, invalid

MAX_BASE58_BYTES = 128
RENT_EPOCH = 2**64 - 1
Read = Callable[[Pubkey], Account | None]


def account_json(
    address: Pubkey, account: Account | None, options: Options, read: Read
) -> Any:
    """Return an account as getAccountInfo shows it; `read` finds a token's mint."""
    if account is None:
        return None
    return {
        "data": _data(account, options, read),
        "executable": address in PROGRAMS,
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": RENT_EPOCH,
        "space": len(account.data),
    }


def _data(account: Account, options: Options, read: Read) -> Any:
    encoding = options.text("encoding")
    if encoding == "jsonParsed":
        parsed = parsed_token_data(account, read)
        if parsed is not None:
            return parsed
        encoding = "base64"
    data = _slice(account.data, options)
    if encoding == "base64":
        return [base64.b64encode(data).decode(), "base64"]
    if encoding not in (None, "binary", "base58"):
        raise invalid(f"Invalid params: unknown variant `{encoding}`.")
    if len(data) > MAX_BASE58_BYTES:
        raise RpcError(
            INVALID_REQUEST,
            "Encoded binary (base 58) data should be less than 128 bytes, "
            "please use Base64 encoding.",
        )
    text = base58.encode(data)
    return [text, "base58"] if encoding == "base58" else text


def _slice(data: bytes, options: Options) -> bytes:
    wanted = options.values.get("dataSlice")
    if wanted is None:
        return data
    part = Options(wanted)
    offset = part.number("offset") or 0
    return data[offset : offset + (part.number("length") or 0)]


def parsed_token_data(account: Account, read: Read) -> Any:
    """Return the jsonParsed data of a mint or token account, None for anything else."""
    names = {TOKEN_PROGRAM: "spl-token", TOKEN_2022_PROGRAM: "spl-token-2022"}
    if account.owner not in names:
        return None
    if layout.is_token_account(account.data):
        kind, info = "account", _token_account_info(account.data, read)
    elif layout.is_mint(account.data):
        kind, info = "mint", _mint_info(account.data)
    else:
        return None
    return {
        "parsed": {"info": info, "type": kind},
        "program": names[account.owner],
        "space": len(account.data),
    }


def _token_account_info(data: bytes, read: Read) -> dict[str, Any]:
    mint = layout.mint_of(data)
    mint_account = read(mint)
    decimals = 0 if mint_account is None else layout.decimals_of(mint_account.data)
    info = {
        "isNative": layout.native_reserve(data) is not None,
        "mint": str(mint),
        "owner": str(layout.owner_of(data)),
        "state": "frozen" if layout.is_frozen(data) else "initialized",
        "tokenAmount": token_amount(layout.amount_of(data), decimals),
    }
    reserve = layout.native_reserve(data)
    if reserve is not None:
        info["rentExemptReserve"] = token_amount(reserve, 9)
    return info


def _mint_info(data: bytes) -> dict[str, Any]:
    return {
        "decimals": layout.decimals_of(data),
        "freezeAuthority": str(Pubkey(data[50:82])) if data[46] else None,
        "isInitialized": True,
        "mintAuthority": str(Pubkey(data[4:36])) if data[0] else None,
        "supply": str(int.from_bytes(data[36:44], "little")),
    }
