"""What nodes return: accounts, the Clock sysvar, and balances of token accounts."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeGuard

from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.types import Account, Clock

# https://github.com/solana-program/token/blob/main/interface/src/state.rs (Account);
# Token-2022 keeps these 165 bytes and appends its extensions.
TOKEN_ACCOUNT_BYTES = 165
TOKEN_AMOUNT_OFFSET = 64

# Accounts of about the size of a bin array (10 kB) seldom change from one reading to the
# next, and finding one again costs a quarter of decoding it. At most 4 MB are kept.
_KEPT_TEXTS = range(4_096, 16_384)
_KEPT_COUNT = 128

# What a bigint of PostgreSQL holds.
MAX_COUNT = 2**63 - 1

# slot, epoch_start_timestamp, epoch, leader_schedule_epoch, unix_timestamp
CLOCK = struct.Struct("<QqQQq")


def decode_account(entry: Mapping[str, Any] | None) -> Account | None:
    """Decode one account of a node's answer (encoding base64); None when there is none.

    Raises RpcUnavailable when the entry is no account.
    """
    if entry is None:
        return None
    try:
        text, encoding = entry["data"]
        if encoding != "base64":
            raise ValueError(encoding)
        if type(entry["lamports"]) is not int:
            raise ValueError("lamports")
        return Account(
            owner=_owner(entry["owner"]),
            lamports=entry["lamports"],
            data=_kept_data(text) if len(text) in _KEPT_TEXTS else _data(text),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RpcUnavailable(
            f"A node returned an unreadable account: {error}"
        ) from error


def _data(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_kept_data = lru_cache(maxsize=_KEPT_COUNT)(_data)
_owner = lru_cache(maxsize=256)(Pubkey.from_string)


def decode_clock(account: Account | None) -> Clock:
    """Decode the Clock sysvar. Raises RpcUnavailable when it is missing or too short."""
    if account is None or len(account.data) < CLOCK.size:
        raise RpcUnavailable("A node returned no Clock sysvar.")
    slot, _, epoch, _, unix_timestamp = CLOCK.unpack_from(account.data)
    return Clock(slot=slot, epoch=epoch, unix_timestamp=unix_timestamp)


def token_amount(account: Account) -> int:
    """Read a token account's balance in base units; ValueError when it is none."""
    if len(account.data) < TOKEN_ACCOUNT_BYTES:
        raise ValueError("not a token account")
    return int.from_bytes(
        account.data[TOKEN_AMOUNT_OFFSET : TOKEN_AMOUNT_OFFSET + 8], "little"
    )


def context_slot(answer: Any) -> int:
    """Read the slot an answer speaks of; RpcUnavailable when it names none."""
    try:
        slot = answer["context"]["slot"]
    except (KeyError, TypeError):
        slot = None
    if not is_count(slot):
        raise RpcUnavailable("A node's answer names no context slot.")
    return slot


def is_count(value: Any) -> TypeGuard[int]:
    """Whether this is a slot, height or count that the database can hold."""
    return type(value) is int and 0 <= value <= MAX_COUNT
