"""The address lookup table program: instructions and accounts.

Names as in agave's `parse_address_lookup_table.rs` (instructions and account decoder).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .names import named
from .reader import NotParsable, Reader

TABLE = "lookupTableAccount lookupTableAuthority"
META_SIZE = 56
UNINITIALIZED, LOOKUP_TABLE = 0, 1


def parse_lookup_table(
    accounts: Sequence[str], data: bytes
) -> tuple[str, dict[str, Any]]:
    """Return type and info; NotParsable when the instruction is malformed."""
    reader = Reader(data)
    match reader.unsigned(4):
        case 0:
            info: dict[str, Any] = {
                **named(accounts, f"{TABLE} payerAccount systemProgram"),
                "recentSlot": reader.u64(),
                "bumpSeed": reader.u8(),
            }
            return "createLookupTable", info
        case 1:
            return "freezeLookupTable", named(accounts, TABLE)
        case 2:
            paid = " payerAccount systemProgram" if len(accounts) >= 4 else ""
            info = named(accounts, TABLE + paid)
            info["newAddresses"] = [reader.pubkey() for _ in range(reader.u64())]
            return "extendLookupTable", info
        case 3:
            return "deactivateLookupTable", named(accounts, TABLE)
        case 4:
            return "closeLookupTable", named(accounts, f"{TABLE} recipient")
    raise NotParsable


def parse_lookup_table_account(data: bytes) -> dict[str, Any]:
    """Return type and info of a table's account; NotParsable when it is none."""
    reader = Reader(data)
    kind = reader.unsigned(4)
    if kind == UNINITIALIZED:
        return {"type": "uninitialized"}
    if kind != LOOKUP_TABLE or len(data) < META_SIZE:
        raise NotParsable
    info: dict[str, Any] = {
        "deactivationSlot": str(reader.u64()),
        "lastExtendedSlot": str(reader.u64()),
        "lastExtendedSlotStartIndex": reader.u8(),
    }
    authority = reader.optional_pubkey(1)
    if authority is not None:
        info["authority"] = authority
    addresses = Reader(data, META_SIZE)
    info["addresses"] = [addresses.pubkey() for _ in range(addresses.left // 32)]
    return {"type": "lookupTable", "info": info}
