"""Address lookup tables: their bytes, and the addresses a transaction loads from them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.solana.addresses import LOOKUP_TABLE_PROGRAM
from dex.types import Account

from .transaction_errors import TransactionError

META_SIZE = 56
LOOKUP_TABLE = 1
# The slot of deactivation of a table that is active.
NEVER = 2**64 - 1
# A table that was deactivated serves for as long as its slot counts as recent.
COOL_DOWN_SLOTS = 512


class TableUnreadable(Exception):
    """These bytes are no table; `name` is the error of the program."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table (layout: solana-program/address-lookup-table, `state.rs`)."""

    authority: Pubkey | None
    addresses: tuple[Pubkey, ...] = ()
    deactivation_slot: int = NEVER
    last_extended_slot: int = 0
    # How many addresses it held before that slot.
    last_extended_start: int = 0

    @classmethod
    def read(cls, data: bytes) -> Table:
        """Read an account's data; TableUnreadable when it holds no table."""
        if len(data) < META_SIZE or (len(data) - META_SIZE) % 32:
            raise TableUnreadable("InvalidAccountData")
        kind, deactivation, extended, start, has_authority = struct.unpack_from(
            "<IQQBB", data
        )
        if kind != LOOKUP_TABLE:
            raise TableUnreadable(
                "InvalidAccountData" if kind else "UninitializedAccount"
            )
        return cls(
            authority=Pubkey(data[22:54]) if has_authority else None,
            addresses=tuple(
                Pubkey(data[at : at + 32]) for at in range(META_SIZE, len(data), 32)
            ),
            deactivation_slot=deactivation,
            last_extended_slot=extended,
            last_extended_start=start,
        )

    def encode(self) -> bytes:
        """Return the account's data."""
        meta = struct.pack(
            "<IQQB",
            LOOKUP_TABLE,
            self.deactivation_slot,
            self.last_extended_slot,
            self.last_extended_start,
        )
        if self.authority is None:
            meta += b"\0"
        else:
            meta += b"\1" + bytes(self.authority)
        return meta.ljust(META_SIZE, b"\0") + b"".join(map(bytes, self.addresses))

    def usable(self, slot: int) -> tuple[Pubkey, ...]:
        """Return the addresses that may be loaded in `slot`: not those added in it."""
        if slot > self.last_extended_slot:
            return self.addresses
        return self.addresses[: self.last_extended_start]


def slots_until_deactivated(table: Table, slot: int) -> int | None:
    """Return how many slots the table serves after its deactivation; None: it is active."""
    if table.deactivation_slot == NEVER:
        return None
    return max(0, COOL_DOWN_SLOTS + 1 - (slot - table.deactivation_slot))


def load_addresses(
    message: MessageV0, read: Callable[[Pubkey], Account | None], slot: int
) -> tuple[list[Pubkey], list[Pubkey]]:
    """Return what a message loads from tables: writable addresses, then readonly ones.

    Raises TransactionError, as a node does, when a table cannot serve in this slot.
    """
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    for lookup in message.address_table_lookups:
        addresses = _usable(read(lookup.account_key), slot)
        try:
            writable += [addresses[at] for at in lookup.writable_indexes]
            readonly += [addresses[at] for at in lookup.readonly_indexes]
        except IndexError:
            raise TransactionError("InvalidAddressLookupTableIndex") from None
    return writable, readonly


def _usable(account: Account | None, slot: int) -> tuple[Pubkey, ...]:
    if account is None:
        raise TransactionError("AddressLookupTableNotFound")
    if account.owner != LOOKUP_TABLE_PROGRAM:
        raise TransactionError("InvalidAddressLookupTableOwner")
    try:
        table = Table.read(account.data)
    except TableUnreadable:
        raise TransactionError("InvalidAddressLookupTableData") from None
    if slots_until_deactivated(table, slot) == 0:
        raise TransactionError("AddressLookupTableNotFound")
    return table.usable(slot)
