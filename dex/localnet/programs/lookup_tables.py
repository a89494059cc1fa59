"""The address lookup table program: create, extend, freeze, deactivate and close.

Source: solana-program/address-lookup-table, `program/src/processor.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.lookup import (
    META_SIZE,
    NEVER,
    Table,
    TableUnreadable,
    slots_until_deactivated,
)
from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import LOOKUP_TABLE_PROGRAM, SYSTEM_PROGRAM

from .invocation import Invocation, rent_exempt_minimum

MAX_ADDRESSES = 256
MAX_NEW_ADDRESSES = 38
RECENT_SLOTS = 512
INVALID_SEEDS = 1
READONLY_DATA_MODIFIED, READONLY_LAMPORTS_CHANGED = 10, 11
# About what the program uses, without the calls it makes.
CREATE_UNITS, EXTEND_UNITS, EXTEND_UNITS_PER_ADDRESS = 7_200, 6_300, 90
FREEZE_UNITS, DEACTIVATE_UNITS, CLOSE_UNITS = 1_518, 3_151, 2_223


def process(call: Invocation) -> None:
    """Run one instruction; InvalidInstructionData when it cannot be read."""
    instruction = INSTRUCTIONS.get(int.from_bytes(call.data[:4], "little"))
    if instruction is None or len(call.data) < 4:
        raise _refuse(call, "InvalidInstructionData")
    try:
        instruction(call, call.data[4:])
    except struct.error:
        raise _refuse(call, "InvalidInstructionData") from None


def _create(call: Invocation, body: bytes) -> None:
    slot, bump = struct.unpack_from("<QB", body)
    _begin(call, "CreateLookupTable", CREATE_UNITS, accounts=3)
    table, authority, payer = call.address(0), call.address(1), call.address(2)
    if not call.is_signer(2):
        raise _refuse(
            call, "MissingRequiredSignature", "Payer account must be a signer"
        )
    if not 0 < call.execution.clock.slot - slot <= RECENT_SLOTS:
        raise _refuse(call, "InvalidInstructionData", f"{slot} is not a recent slot")
    seeds = [bytes(authority), struct.pack("<Q", slot), bytes([bump])]
    try:
        derived = Pubkey.create_program_address(seeds, call.program)
    except Exception:  # the class that solders raises cannot be imported
        call.log("Provided seeds do not result in a valid address")
        raise custom(INVALID_SEEDS) from None
    if table != derived:
        text = f"Table address must match derived address: {derived}"
        raise _refuse(call, "InvalidArgument", text)
    if call.account(0).owner == call.program:
        return
    _pay_rent(call, META_SIZE, payer)
    if len(call.accounts) < 4:
        raise _refuse(call, "NotEnoughAccountKeys")
    new = [AccountMeta(table, True, True)]
    call.call(SYSTEM_PROGRAM, new, struct.pack("<IQ", 8, META_SIZE), signed_by=(table,))
    owner = struct.pack("<I32s", 1, bytes(call.program))
    call.call(SYSTEM_PROGRAM, new, owner, signed_by=(table,))
    _write(call, Table(authority=authority))


def _freeze(call: Invocation, body: bytes) -> None:
    _begin(call, "FreezeLookupTable", FREEZE_UNITS)
    table = _authorized(call, frozen="Lookup table is already frozen")
    if table.deactivation_slot != NEVER:
        text = "Deactivated tables cannot be frozen"
        raise _refuse(call, "InvalidArgument", text)
    if not table.addresses:
        text = "Empty lookup tables cannot be frozen"
        raise _refuse(call, "InvalidInstructionData", text)
    _write(call, replace(table, authority=None))


def _extend(call: Invocation, body: bytes) -> None:
    (count,) = struct.unpack_from("<Q", body)
    if count > MAX_NEW_ADDRESSES or len(body) < 8 + 32 * count:
        raise _refuse(call, "InvalidInstructionData")
    new = [Pubkey(body[8 + 32 * n : 40 + 32 * n]) for n in range(count)]
    units = EXTEND_UNITS + EXTEND_UNITS_PER_ADDRESS * count
    _begin(call, "ExtendLookupTable", units)
    table = _authorized(call)
    _require_room(call, table, count)
    if not call.accounts[0].is_writable:
        call.log("Instruction modified data of a read-only account")
        raise custom(READONLY_DATA_MODIFIED)
    slot = call.execution.clock.slot
    if slot != table.last_extended_slot:
        table = replace(
            table, last_extended_slot=slot, last_extended_start=len(table.addresses)
        )
    table = replace(table, addresses=(*table.addresses, *new))
    _write(call, table)
    size = META_SIZE + 32 * len(table.addresses)
    if rent_exempt_minimum(size) > call.account(0).lamports:
        if len(call.accounts) < 3:
            raise _refuse(call, "NotEnoughAccountKeys")
        if not call.is_signer(2):
            text = "Payer account must be a signer"
            raise _refuse(call, "MissingRequiredSignature", text)
        if len(call.accounts) < 4:
            raise _refuse(call, "NotEnoughAccountKeys")
        _pay_rent(call, size, call.address(2))


def _deactivate(call: Invocation, body: bytes) -> None:
    _begin(call, "DeactivateLookupTable", DEACTIVATE_UNITS)
    table = _authorized(call)
    if table.deactivation_slot != NEVER:
        text = "Lookup table is already deactivated"
        raise _refuse(call, "InvalidArgument", text)
    _write(call, replace(table, deactivation_slot=call.execution.clock.slot))


def _close(call: Invocation, body: bytes) -> None:
    _begin(call, "CloseLookupTable", CLOSE_UNITS)
    _require_table_and_signer(call)
    if len(call.accounts) < 3:
        raise _refuse(call, "NotEnoughAccountKeys")
    if call.address(0) == call.address(2):
        text = "Lookup table cannot be the recipient of reclaimed lamports"
        raise _refuse(call, "InvalidArgument", text)
    table = _authorized(call)
    slots = slots_until_deactivated(table, call.execution.clock.slot)
    if slots is None:
        raise _refuse(call, "InvalidArgument", "Lookup table is not deactivated")
    if slots:
        text = f"Table cannot be closed until it's fully deactivated in {slots} blocks"
        raise _refuse(call, "InvalidArgument", text)
    if not call.accounts[2].is_writable:
        call.log("Instruction changed the balance of a read-only account")
        raise custom(READONLY_LAMPORTS_CHANGED)
    if not call.accounts[0].is_writable:
        call.log("Instruction modified data of a read-only account")
        raise custom(READONLY_DATA_MODIFIED)
    closed, receiver = call.account(0), call.account(2)
    call.write(2, replace(receiver, lamports=receiver.lamports + closed.lamports))
    call.write(0, replace(closed, lamports=0, data=b""))


def _begin(call: Invocation, name: str, units: int, accounts: int = 2) -> None:
    call.log(f"Instruction: {name}")
    call.consume(units)
    if len(call.accounts) < min(accounts, 1):
        raise _refuse(call, "NotEnoughAccountKeys")
    if accounts > 2 and len(call.accounts) < accounts:
        raise _refuse(call, "NotEnoughAccountKeys")


def _require_table_and_signer(call: Invocation) -> None:
    if call.account(0).owner != LOOKUP_TABLE_PROGRAM:
        text = "Lookup table owner should be the Address Lookup Table program"
        raise _refuse(call, "InvalidAccountOwner", text)
    if len(call.accounts) < 2:
        raise _refuse(call, "NotEnoughAccountKeys")
    if not call.is_signer(1):
        text = "Authority account must be a signer"
        raise _refuse(call, "MissingRequiredSignature", text)


def _authorized(call: Invocation, frozen: str = "Lookup table is frozen") -> Table:
    """Return the table at position 0, which the account at 1 may change."""
    _require_table_and_signer(call)
    try:
        table = Table.read(call.account(0).data)
    except TableUnreadable as error:
        raise _refuse(call, error.name) from None
    if table.authority is None:
        raise _refuse(call, "Immutable", frozen)
    if table.authority != call.address(1):
        raise _refuse(call, "IncorrectAuthority", "Incorrect lookup table authority")
    return table


def _require_room(call: Invocation, table: Table, count: int) -> None:
    if table.deactivation_slot != NEVER:
        text = "Deactivated tables cannot be extended"
        raise _refuse(call, "InvalidArgument", text)
    if len(table.addresses) >= MAX_ADDRESSES:
        text = "Lookup table is full and cannot contain more addresses"
        raise _refuse(call, "InvalidArgument", text)
    if count == 0:
        text = "Must extend with at least one address"
        raise _refuse(call, "InvalidInstructionData", text)
    length = len(table.addresses) + count
    if length > MAX_ADDRESSES:
        text = (
            f"Extended lookup table length {length} would exceed max capacity of "
            f"{MAX_ADDRESSES}"
        )
        raise _refuse(call, "InvalidInstructionData", text)


def _pay_rent(call: Invocation, size: int, payer: Pubkey) -> None:
    """Let the payer add what the table lacks to its rent."""
    missing = rent_exempt_minimum(size) - call.account(0).lamports
    if missing > 0:
        call.call(
            SYSTEM_PROGRAM,
            [AccountMeta(payer, True, True), AccountMeta(call.address(0), False, True)],
            struct.pack("<IQ", 2, missing),
        )


def _write(call: Invocation, table: Table) -> None:
    call.write(0, replace(call.account(0), data=table.encode()))


def _refuse(call: Invocation, name: str, text: str = "") -> InstructionError:
    if text:
        call.log(text)
    call.log(f"Error: {name}")
    return InstructionError(name)


INSTRUCTIONS: dict[int, Callable[[Invocation, bytes], None]] = {
    0: _create,
    1: _freeze,
    2: _extend,
    3: _deactivate,
    4: _close,
}
