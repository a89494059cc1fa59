"""The token programs: SPL Token, and what Token-2022 adds for transfer fees."""

from __future__ import annotations

import struct
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
)

from . import token_layout as layout
from .invocation import Invocation, rent_exempt_minimum
from .transfer_fee import account_extensions, transfer_fee, withheld_amount, withhold

NOT_RENT_EXEMPT = 0
INSUFFICIENT_FUNDS = 1
INVALID_MINT = 2
MINT_MISMATCH = 3
OWNER_MISMATCH = 4
ALREADY_IN_USE = 6
NON_NATIVE_HAS_BALANCE = 11
INVALID_INSTRUCTION = 12
INVALID_STATE = 13
ACCOUNT_FROZEN = 17
MINT_DECIMALS_MISMATCH = 18
NON_NATIVE_NOT_SUPPORTED = 19
MINT_REQUIRED_FOR_TRANSFER = 31  # Token-2022: a transfer fee needs the mint
HAS_WITHHELD_FEES = 35

TEXT = {
    NOT_RENT_EXEMPT: "Error: Lamport balance below rent-exempt threshold",
    INSUFFICIENT_FUNDS: "Error: insufficient funds",
    INVALID_MINT: "Error: Invalid Mint",
    MINT_MISMATCH: "Error: Account not associated with this Mint",
    OWNER_MISMATCH: "Error: owner does not match",
    ALREADY_IN_USE: "Error: account or token already in use",
    NON_NATIVE_HAS_BALANCE: "Error: Non-native account can only be closed if its balance is zero",
    INVALID_INSTRUCTION: "Error: Invalid instruction",
    ACCOUNT_FROZEN: "Error: Account is frozen",
    MINT_DECIMALS_MISMATCH: "Error: decimals different from the Mint decimals",
    INVALID_STATE: "Error: State is invalid for requested operation",
    NON_NATIVE_NOT_SUPPORTED: "Error: Instruction does not support non-native tokens",
    MINT_REQUIRED_FOR_TRANSFER: "Mint required for this account to transfer tokens, use `transfer_checked` or `transfer_checked_with_fee`",
    HAS_WITHHELD_FEES: "Error: An account can only be closed if its withheld fee balance is zero, harvest fees to the mint and try again",
}
# What the program of SPL Token uses; Token-2022 costs more.
UNITS = {3: 76, 9: 120, 12: 105, 17: 42, 18: 235, 21: 183, 22: 38}
TOKEN_2022_FACTOR = 10


def process(call: Invocation) -> None:
    """Run one token instruction (tags and layouts: spl-token-interface)."""
    tag = call.data[0] if call.data else -1
    factor = TOKEN_2022_FACTOR if call.program == TOKEN_2022_PROGRAM else 1
    call.consume(UNITS.get(tag, 100) * factor)
    try:
        if tag == 3:
            (amount,) = struct.unpack("<Q", call.data[1:])
            _transfer(call, amount, mint_position=None, decimals=None)
        elif tag == 12:
            amount, decimals = struct.unpack("<QB", call.data[1:])
            _transfer(call, amount, mint_position=1, decimals=decimals)
        elif tag == 9:
            _close(call)
        elif tag == 17:
            _sync_native(call)
        elif tag == 18:
            _initialize(call, Pubkey(struct.unpack("<32s", call.data[1:])[0]))
        elif tag in (21, 22):
            _prepare(call, tag)
        else:
            raise _refuse(call, INVALID_INSTRUCTION)
    except struct.error:
        raise _refuse(call, INVALID_INSTRUCTION) from None


def _refuse(call: Invocation, code: int) -> InstructionError:
    call.log(TEXT[code])
    return custom(code)


def _refuse_named(call: Invocation, name: str) -> InstructionError:
    call.log(f"Error: {name}")
    return InstructionError(name)


def _token_account(call: Invocation, position: int) -> bytes:
    account = call.account(position)
    # SPL Token looks at the length first, but for SyncNative; Token-2022 at the owner.
    length_first = call.program == TOKEN_PROGRAM and call.data[0] != 17
    if length_first and len(account.data) != layout.ACCOUNT_SIZE:
        raise _refuse_named(call, "InvalidAccountData")
    if account.owner != call.program:
        raise _refuse_named(call, "IncorrectProgramId")
    if len(account.data) < layout.ACCOUNT_SIZE:
        raise _refuse_named(call, "InvalidAccountData")
    if not layout.is_token_account(account.data):
        raise _refuse_named(call, "UninitializedAccount")
    return account.data


def _transfer(
    call: Invocation, amount: int, *, mint_position: int | None, decimals: int | None
) -> None:
    target, authority = (1, 2) if mint_position is None else (2, 3)
    source_data = _token_account(call, 0)
    target_data = _token_account(call, target)
    if layout.is_frozen(source_data) or layout.is_frozen(target_data):
        raise _refuse(call, ACCOUNT_FROZEN)
    if layout.mint_of(source_data) != layout.mint_of(target_data):
        raise _refuse(call, MINT_MISMATCH)
    if amount > layout.amount_of(source_data):
        raise _refuse(call, INSUFFICIENT_FUNDS)
    fee = 0
    if mint_position is not None:
        fee = _check_mint(call, mint_position, source_data, amount, decimals)
    elif layout.extension(target_data, layout.TRANSFER_FEE_AMOUNT) is not None:
        raise _refuse(call, MINT_REQUIRED_FOR_TRANSFER)
    if call.address(authority) != layout.owner_of(source_data):
        raise _refuse(call, OWNER_MISMATCH)
    call.require_signer(authority)
    if call.address(0) == call.address(target):
        return
    _move(call, target, amount, fee)


def _check_mint(
    call: Invocation,
    position: int,
    source_data: bytes,
    amount: int,
    decimals: int | None,
) -> int:
    """Check the mint of a checked transfer and return the transfer fee it withholds."""
    mint = call.account(position)
    if call.program == TOKEN_2022_PROGRAM != mint.owner:
        raise _refuse_named(call, "IncorrectProgramId")
    if call.address(position) != layout.mint_of(source_data):
        raise _refuse(call, MINT_MISMATCH)
    if not layout.is_mint(mint.data):
        raise InstructionError("InvalidAccountData")
    if decimals != layout.decimals_of(mint.data):
        raise _refuse(call, MINT_DECIMALS_MISMATCH)
    return transfer_fee(mint.data, amount, call.execution.clock.epoch)


def _move(call: Invocation, target: int, amount: int, fee: int) -> None:
    source, receiver = call.account(0), call.account(target)
    native = layout.native_reserve(source.data) is not None
    lamports = amount if native else 0
    paid = layout.with_amount(source.data, layout.amount_of(source.data) - amount)
    received = layout.with_amount(
        receiver.data, layout.amount_of(receiver.data) + amount - fee
    )
    if fee:
        received = withhold(received, fee)
    call.write(0, replace(source, data=paid, lamports=source.lamports - lamports))
    call.write(
        target, replace(receiver, data=received, lamports=receiver.lamports + lamports)
    )


def _close(call: Invocation) -> None:
    data = _token_account(call, 0)
    if call.address(0) == call.address(1):
        raise InstructionError("InvalidAccountData")
    if layout.native_reserve(data) is None and layout.amount_of(data):
        raise _refuse(call, NON_NATIVE_HAS_BALANCE)
    if call.address(2) != layout.close_authority(data):
        raise _refuse(call, OWNER_MISMATCH)
    call.require_signer(2)
    if withheld_amount(data):
        raise _refuse(call, HAS_WITHHELD_FEES)
    closed, receiver = call.account(0), call.account(1)
    call.write(1, replace(receiver, lamports=receiver.lamports + closed.lamports))
    call.write(0, replace(closed, data=b"", lamports=0))
    call.write(0, replace(call.account(0), owner=SYSTEM_PROGRAM))


def _sync_native(call: Invocation) -> None:
    data = _token_account(call, 0)
    reserve = layout.native_reserve(data)
    if reserve is None:
        raise _refuse(call, NON_NATIVE_NOT_SUPPORTED)
    account = call.account(0)
    amount = account.lamports - reserve
    if amount < layout.amount_of(data):
        raise _refuse(call, INVALID_STATE)
    call.write(0, replace(account, data=layout.with_amount(data, amount)))


def _initialize(call: Invocation, owner: Pubkey) -> None:
    """Make an empty account a token account of the mint at position 1."""
    account, mint = call.account(0), call.account(1)
    if account.owner != call.program:
        raise InstructionError("IncorrectProgramId")
    if len(account.data) < layout.ACCOUNT_SIZE:
        raise InstructionError("InvalidAccountData")
    if layout.is_token_account(account.data):
        raise _refuse(call, ALREADY_IN_USE)
    if account.lamports < rent_exempt_minimum(len(account.data)):
        raise _refuse(call, NOT_RENT_EXEMPT)
    if mint.owner != call.program or not layout.is_mint(mint.data):
        raise _refuse(call, INVALID_MINT)
    extensions = b""
    if len(account.data) > layout.ACCOUNT_SIZE:
        extensions = account_extensions(mint.data)
    if len(account.data) != layout.ACCOUNT_SIZE + len(extensions):
        raise InstructionError("InvalidAccountData")
    amount, reserve = 0, None
    if call.address(1) == WRAPPED_SOL_MINT:
        reserve = rent_exempt_minimum(len(account.data))
        amount = account.lamports - reserve
    base = layout.new_token_account(
        call.address(1), owner, amount, native_reserve=reserve
    )
    call.write(0, replace(account, data=base + extensions))


def _prepare(call: Invocation, tag: int) -> None:
    """GetAccountDataSize and InitializeImmutableOwner, which the ATA program calls."""
    if tag == 21 and not layout.is_mint(call.account(0).data):
        raise _refuse(call, INVALID_MINT)
    if tag == 22 and layout.is_token_account(call.account(0).data):
        raise _refuse(call, ALREADY_IN_USE)
