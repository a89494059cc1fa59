"""The associated token account program: create, and create idempotent."""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)

from . import token_layout as layout
from .invocation import Invocation, rent_exempt_minimum
from .transfer_fee import account_extensions

INVALID_OWNER = 0
UNITS = 3_459


def process(call: Invocation) -> None:
    """Create the account at position 1 for wallet (2) and mint (3), paid by 0."""
    tag = call.data[0] if call.data else 0
    if tag not in (0, 1) or len(call.data) > 1:
        raise InstructionError("InvalidInstructionData")
    call.log("CreateIdempotent" if tag else "Create")
    call.consume(UNITS)
    wallet, mint, token_program = call.address(2), call.address(3), call.address(5)
    if call.address(1) != associated_token_address(wallet, mint, token_program):
        call.log("Error: Associated address does not match seed derivation")
        raise InstructionError("InvalidSeeds")
    existing = call.account(1)
    if tag == 1 and existing.owner == token_program:
        _check_existing(existing.data, wallet, mint)
        return
    if existing.owner != SYSTEM_PROGRAM:
        raise InstructionError("IllegalOwner")
    if token_program not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        raise InstructionError("IncorrectProgramId")
    _create(call, wallet, mint, token_program)


def _check_existing(data: bytes, wallet: Pubkey, mint: Pubkey) -> None:
    if layout.owner_of(data) != wallet:
        raise custom(INVALID_OWNER)
    if layout.mint_of(data) != mint:
        raise InstructionError("InvalidAccountData")


def _create(
    call: Invocation, wallet: Pubkey, mint: Pubkey, token_program: Pubkey
) -> None:
    account, payer = call.address(1), call.address(0)
    mint_data = call.account(3).data
    call.call(token_program, [AccountMeta(mint, False, False)], b"\x15\x07\x00")
    extensions = b""
    if token_program == TOKEN_2022_PROGRAM:
        extensions = account_extensions(mint_data)
    size = layout.ACCOUNT_SIZE + len(extensions)
    _allocate(call, payer, account, size, token_program)
    call.log("Initialize the associated token account")
    call.call(token_program, [AccountMeta(account, False, True)], b"\x16")
    call.call(
        token_program,
        [AccountMeta(account, False, True), AccountMeta(mint, False, False)],
        b"\x12" + bytes(wallet),
    )


def _allocate(
    call: Invocation, payer: Pubkey, account: Pubkey, size: int, owner: Pubkey
) -> None:
    """Make the account hold its rent and belong to the token program."""
    rent = rent_exempt_minimum(size)
    held = call.account(1).lamports
    payer_meta = AccountMeta(payer, True, True)
    new_meta = AccountMeta(account, True, True)
    signed_by = (account,)
    if held == 0:
        data = struct.pack("<IQQ32s", 0, rent, size, bytes(owner))
        call.call(SYSTEM_PROGRAM, [payer_meta, new_meta], data, signed_by=signed_by)
        return
    if held < rent:
        data = struct.pack("<IQ", 2, rent - held)
        call.call(SYSTEM_PROGRAM, [payer_meta, AccountMeta(account, False, True)], data)
    data = struct.pack("<IQ", 8, size)
    call.call(SYSTEM_PROGRAM, [new_meta], data, signed_by=signed_by)
    data = struct.pack("<I32s", 1, bytes(owner))
    call.call(SYSTEM_PROGRAM, [new_meta], data, signed_by=signed_by)
