"""The associated token account program.

Source: solana-program/associated-token-account, `program/src/processor.rs`.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)

from . import token_layout as layout
from .invocation import Invocation, rent_exempt_minimum

INVALID_OWNER = 0
CREATE, CREATE_IDEMPOTENT, RECOVER_NESTED = range(3)
NAMES = {
    CREATE: "Create",
    CREATE_IDEMPOTENT: "CreateIdempotent",
    RECOVER_NESTED: "RecoverNested",
}
# About what the program uses itself, and for each hash on the way to an address.
UNITS, CREATE_UNITS, RECOVER_NESTED_UNITS = 2_937, 4_700, 9_500
UNITS_PER_HASH = 1_500


def process(call: Invocation) -> None:
    """Create the account of a wallet for a mint, or recover what sits in a nested one."""
    tag = call.data[0] if call.data else CREATE
    if tag not in NAMES or len(call.data) > 1:
        raise InstructionError("InvalidInstructionData")
    call.log(NAMES[tag])
    if len(call.accounts) < (7 if tag == RECOVER_NESTED else 6):
        raise InstructionError("NotEnoughAccountKeys")
    if tag == RECOVER_NESTED:
        _recover_nested(call)
    else:
        _create(call, idempotent=tag == CREATE_IDEMPOTENT)


def _create(call: Invocation, *, idempotent: bool) -> None:
    """Create the account at position 1 for wallet (2) and mint (3), paid by 0."""
    wallet, mint, token_program = call.address(2), call.address(3), call.address(5)
    call.consume(UNITS + UNITS_PER_HASH * _hashes(wallet, mint, token_program))
    if call.address(1) != associated_token_address(wallet, mint, token_program):
        call.log("Error: Associated address does not match seed derivation")
        raise InstructionError("InvalidSeeds")
    existing = call.account(1)
    is_there = existing.owner == token_program and layout.is_token_account(
        existing.data
    )
    if idempotent and is_there:
        _check_existing(call, existing.data, wallet, mint)
        return
    if existing.owner != SYSTEM_PROGRAM:
        raise InstructionError("IllegalOwner")
    call.consume(CREATE_UNITS)
    _open(call, wallet, mint, token_program)


@lru_cache(maxsize=4_096)
def _hashes(wallet: Pubkey, mint: Pubkey, token_program: Pubkey) -> int:
    """Return how many hashes it takes to find an associated account's address."""
    seeds = [bytes(wallet), bytes(token_program), bytes(mint)]
    return 256 - Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM)[1]


def _check_existing(
    call: Invocation, data: bytes, wallet: Pubkey, mint: Pubkey
) -> None:
    if layout.owner_of(data) != wallet:
        call.log("Associated token account owner does not match address derivation")
        raise custom(INVALID_OWNER)
    if layout.mint_of(data) != mint:
        raise InstructionError("InvalidAccountData")


def _open(
    call: Invocation, wallet: Pubkey, mint: Pubkey, token_program: Pubkey
) -> None:
    if token_program not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        raise InstructionError("IncorrectProgramId")
    account, payer = call.address(1), call.address(0)
    call.call(token_program, [AccountMeta(mint, False, False)], b"\x15\x07\x00")
    # What the token program has just answered.
    answer = call.execution.return_data
    if answer is None or len(answer[1]) != 8:
        raise InstructionError("InvalidInstructionData")
    size = int.from_bytes(answer[1], "little")
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


def _recover_nested(call: Invocation) -> None:
    """Send what the wallet's account owns by mistake to the wallet's right account."""
    nested, nested_mint, target, owner, owner_mint, wallet, program = (
        call.address(position) for position in range(7)
    )
    call.consume(RECOVER_NESTED_UNITS)
    for name, address, derived in (
        ("Owner", owner, associated_token_address(wallet, owner_mint, program)),
        ("Nested", nested, associated_token_address(owner, nested_mint, program)),
        ("Destination", target, associated_token_address(wallet, nested_mint, program)),
    ):
        if address != derived:
            text = f"Error: {name} associated address does not match seed derivation"
            call.log(text)
            raise InstructionError("InvalidSeeds")
    if not call.is_signer(5):
        call.log("Wallet of the owner associated token account must sign")
        raise InstructionError("MissingRequiredSignature")
    amount, decimals = _check_nested(call)
    metas = [
        AccountMeta(nested, False, True),
        AccountMeta(nested_mint, False, False),
        AccountMeta(target, False, True),
        AccountMeta(owner, True, False),
    ]
    call.call(
        program, metas, struct.pack("<BQB", 12, amount, decimals), signed_by=(owner,)
    )
    metas = [
        AccountMeta(nested, False, True),
        AccountMeta(wallet, False, True),
        AccountMeta(owner, True, False),
    ]
    call.call(program, metas, b"\x09", signed_by=(owner,))


def _check_nested(call: Invocation) -> tuple[int, int]:
    """Return the amount in the nested account and the decimals of its mint."""
    _require_owner(call, 4, "Owner mint not owned by provided token program")
    _require_owner(
        call,
        3,
        "Owner associated token account not owned by provided token program, "
        "recreate the owner associated token account first",
    )
    outer = _unpacked(call, 3)
    if layout.owner_of(outer) != call.address(5):
        call.log("Owner associated token account not owned by provided wallet")
        raise custom(INVALID_OWNER)
    _require_owner(
        call, 0, "Nested associated token account not owned by provided token program"
    )
    nested = _unpacked(call, 0)
    if layout.owner_of(nested) != call.address(3):
        call.log(
            "Nested associated token account not owned by provided associated token "
            "account"
        )
        raise custom(INVALID_OWNER)
    _require_owner(call, 1, "Nested mint account not owned by provided token program")
    mint = call.account(1).data
    if not layout.is_mint(mint):
        raise InstructionError("InvalidAccountData")
    return layout.amount_of(nested), layout.decimals_of(mint)


def _require_owner(call: Invocation, position: int, text: str) -> None:
    if call.account(position).owner != call.address(6):
        call.log(text)
        raise InstructionError("IllegalOwner")


def _unpacked(call: Invocation, position: int) -> bytes:
    data = call.account(position).data
    if not layout.is_token_account(data):
        raise InstructionError("InvalidAccountData")
    return data
