"""Accounts as jsonParsed shows them (agave: `account-decoder`)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.programs import token_layout as layout
from dex.localnet.sysvars import EPOCH_SCHEDULE_SYSVAR, RENT_SYSVAR, SYSVAR_OWNER
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    LOOKUP_TABLE_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account

from .amounts import token_amount
from .extensions import STATES, parse_extensions
from .lookup_table import parse_lookup_table_account
from .reader import NotParsable, Reader

MULTISIG_SIZE = 355
Read = Callable[[Pubkey], Account | None]


def parse_account(address: Pubkey, account: Account, read: Read) -> Any:
    """Return the jsonParsed data; None where nodes fall back to base64.

    `read` finds the mint of a token account, which is shown with its decimals.
    """
    try:
        program, parsed = _parsed(address, account, read)
    except (NotParsable, struct.error):
        return None
    return {"program": program, "parsed": parsed, "space": len(account.data)}


def _parsed(address: Pubkey, account: Account, read: Read) -> tuple[str, Any]:
    if account.owner == TOKEN_PROGRAM:
        return "spl-token", _token_data(account.data, read)
    if account.owner == TOKEN_2022_PROGRAM:
        return "spl-token-2022", _token_data(account.data, read)
    if account.owner == LOOKUP_TABLE_PROGRAM:
        return "address-lookup-table", parse_lookup_table_account(account.data)
    if account.owner == SYSVAR_OWNER:
        return "sysvar", _sysvar(address, account.data)
    raise NotParsable


def _token_data(data: bytes, read: Read) -> dict[str, Any]:
    if layout.is_token_account(data):
        kind, info = "account", _token_account(data, read)
    elif layout.is_mint(data):
        kind, info = "mint", _mint(data)
    elif len(data) == MULTISIG_SIZE:
        kind, info = "multisig", _multisig(data)
    else:
        raise NotParsable
    if kind != "multisig" and (extensions := parse_extensions(data)):
        info["extensions"] = extensions
    return {"type": kind, "info": info}


def _token_account(data: bytes, read: Read) -> dict[str, Any]:
    mint = layout.mint_of(data)
    mint_account = read(mint)
    if mint_account is None or not layout.is_mint(mint_account.data):
        raise NotParsable
    decimals = layout.decimals_of(mint_account.data)
    reader = Reader(data, 72)
    delegate, state = reader.optional_pubkey(4), reader.u8()
    reserve = layout.native_reserve(data)
    info = {
        "isNative": reserve is not None,
        "mint": str(mint),
        "owner": str(layout.owner_of(data)),
        "state": STATES[state],
        "tokenAmount": token_amount(layout.amount_of(data), decimals),
    }
    if reserve is not None:
        info["rentExemptReserve"] = token_amount(reserve, decimals)
    reader = Reader(data, 121)
    delegated, close_authority = reader.u64(), reader.optional_pubkey(4)
    if delegate is not None:
        info["delegate"] = delegate
        info["delegatedAmount"] = token_amount(delegated, decimals)
    if close_authority is not None:
        info["closeAuthority"] = close_authority
    return info


def _mint(data: bytes) -> dict[str, Any]:
    reader = Reader(data)
    authority, supply = reader.optional_pubkey(4), reader.u64()
    return {
        "mintAuthority": authority,
        "supply": str(supply),
        "decimals": reader.u8(),
        "isInitialized": bool(reader.u8()),
        "freezeAuthority": reader.optional_pubkey(4),
    }


def _multisig(data: bytes) -> dict[str, Any]:
    reader = Reader(data)
    needed, valid, initialized = reader.u8(), reader.u8(), reader.u8()
    if initialized != 1:
        raise NotParsable
    signers = [reader.nonzero_pubkey() for _ in range(11)]
    return {
        "numRequiredSigners": needed,
        "numValidSigners": valid,
        "isInitialized": True,
        "signers": [signer for signer in signers if signer is not None],
    }


def _sysvar(address: Pubkey, data: bytes) -> dict[str, Any]:
    if address == CLOCK_SYSVAR:
        slot, started, epoch, next_epoch, unix_timestamp = struct.unpack("<QqQQq", data)
        info: dict[str, Any] = {
            "slot": slot,
            "epoch": epoch,
            "epochStartTimestamp": started,
            "leaderScheduleEpoch": next_epoch,
            "unixTimestamp": unix_timestamp,
        }
        return {"type": "clock", "info": info}
    if address == RENT_SYSVAR:
        lamports, threshold, burned = struct.unpack("<QdB", data)
        info = {
            "lamportsPerByteYear": str(lamports),
            "exemptionThreshold": threshold,
            "burnPercent": burned,
        }
        return {"type": "rent", "info": info}
    if address == EPOCH_SCHEDULE_SYSVAR:
        slots, offset, warmup, epoch, slot = struct.unpack("<QQ?QQ", data)
        info = {
            "slotsPerEpoch": slots,
            "leaderScheduleSlotOffset": offset,
            "warmup": warmup,
            "firstNormalEpoch": epoch,
            "firstNormalSlot": slot,
        }
        return {"type": "epochSchedule", "info": info}
    raise NotParsable
