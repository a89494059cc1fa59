"""What every token instruction checks: accounts, mints, authorities. And its errors.

The two programs refuse alike in most cases; SPL Token is the one without extensions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM

from . import token_layout as layout
from .invocation import Invocation

NOT_RENT_EXEMPT = 0
INSUFFICIENT_FUNDS = 1
INVALID_MINT = 2
MINT_MISMATCH = 3
OWNER_MISMATCH = 4
FIXED_SUPPLY = 5
ALREADY_IN_USE = 6
INVALID_PROVIDED_SIGNERS = 7
INVALID_REQUIRED_SIGNERS = 8
NATIVE_NOT_SUPPORTED = 10
NON_NATIVE_HAS_BALANCE = 11
INVALID_INSTRUCTION = 12
INVALID_STATE = 13
OVERFLOW = 14
AUTHORITY_NOT_SUPPORTED = 15
MINT_CANNOT_FREEZE = 16
ACCOUNT_FROZEN = 17
MINT_DECIMALS_MISMATCH = 18
NON_NATIVE_NOT_SUPPORTED = 19
# From here on only Token-2022.
EXTENSION_TYPE_MISMATCH = 20
EXTENSION_BASE_MISMATCH = 21
NO_AUTHORITY = 29
FEE_EXCEEDS_MAXIMUM = 30
MINT_REQUIRED_FOR_TRANSFER = 31
FEE_MISMATCH = 32
OWNER_IS_IMMUTABLE = 34
HAS_WITHHELD_FEES = 35

TEXT = {
    NOT_RENT_EXEMPT: "Error: Lamport balance below rent-exempt threshold",
    INSUFFICIENT_FUNDS: "Error: insufficient funds",
    INVALID_MINT: "Error: Invalid Mint",
    MINT_MISMATCH: "Error: Account not associated with this Mint",
    OWNER_MISMATCH: "Error: owner does not match",
    FIXED_SUPPLY: "Error: the total supply of this token is fixed",
    ALREADY_IN_USE: "Error: account or token already in use",
    INVALID_PROVIDED_SIGNERS: "Error: Invalid number of provided signers",
    INVALID_REQUIRED_SIGNERS: "Error: Invalid number of required signers",
    NATIVE_NOT_SUPPORTED: "Error: Instruction does not support native tokens",
    NON_NATIVE_HAS_BALANCE: "Error: Non-native account can only be closed if its balance is zero",
    INVALID_INSTRUCTION: "Error: Invalid instruction",
    INVALID_STATE: "Error: Invalid account state for operation",
    OVERFLOW: "Error: Operation overflowed",
    AUTHORITY_NOT_SUPPORTED: "Error: Account does not support specified authority type",
    MINT_CANNOT_FREEZE: "Error: This token mint cannot freeze accounts",
    ACCOUNT_FROZEN: "Error: Account is frozen",
    MINT_DECIMALS_MISMATCH: "Error: decimals different from the Mint decimals",
    NON_NATIVE_NOT_SUPPORTED: "Error: Instruction does not support non-native tokens",
    EXTENSION_TYPE_MISMATCH: "Error: New extension type does not match already existing extensions",
    EXTENSION_BASE_MISMATCH: "Error: Extension does not match the base type provided",
    NO_AUTHORITY: "Error: No authority exists to perform the desired operation",
    FEE_EXCEEDS_MAXIMUM: "Error: Transfer fee exceeds maximum of 10,000 basis points",
    MINT_REQUIRED_FOR_TRANSFER: "Mint required for this account to transfer tokens, use `transfer_checked` or `transfer_checked_with_fee`",
    FEE_MISMATCH: "Calculated fee does not match expected fee",
    OWNER_IS_IMMUTABLE: "The owner authority cannot be changed",
    HAS_WITHHELD_FEES: "Error: An account can only be closed if its withheld fee balance is zero, harvest fees to the mint and try again",
}

# About what a multisignature costs in compute units (measured): once, for each signer, and
# for each member that a signer is compared with.
MULTISIG_UNITS = {TOKEN_PROGRAM: (60, 36, 6), TOKEN_2022_PROGRAM: (0, 247, 9)}


def is_2022(call: Invocation) -> bool:
    return call.program == TOKEN_2022_PROGRAM


def refuse(call: Invocation, code: int) -> InstructionError:
    """Log one of the programs' own errors and return it, to be raised."""
    call.log(TEXT[code])
    return custom(code)


def refuse_named(call: Invocation, name: str) -> InstructionError:
    """Log one of the errors that all programs share and return it, to be raised."""
    call.log(f"Error: {name}")
    return InstructionError(name)


def panicked() -> InstructionError:
    """Return the error of Token-2022 where it borrows an account's data twice."""
    return InstructionError("ProgramFailedToComplete", "SBF program Panicked")


def require_accounts(call: Invocation, count: int) -> None:
    if len(call.accounts) < count:
        raise refuse_named(call, "NotEnoughAccountKeys")


def unpack(call: Invocation, layout_format: str, body: bytes) -> tuple[Any, ...]:
    """Read an instruction's values: SPL Token ignores what follows, Token-2022 does not."""
    size = struct.calcsize(layout_format)
    if is_2022(call):
        if len(body) != size:
            raise refuse_named(call, "InvalidInstructionData")
    elif len(body) < size:
        raise refuse(call, INVALID_INSTRUCTION)
    return struct.unpack_from(layout_format, body)


def optional_address(call: Invocation, body: bytes, at: int) -> Pubkey | None:
    """Read an address behind a byte that says whether there is one; 0 or 1, no other."""
    option = body[at : at + 1]
    size = {b"\0": 0, b"\1": 32}.get(option)
    if size is None or len(body) <= at + size:
        if is_2022(call):
            raise refuse_named(call, "InvalidInstructionData")
        raise refuse(call, INVALID_INSTRUCTION)
    return Pubkey(body[at + 1 : at + 33]) if size else None


def token_account(call: Invocation, position: int) -> bytes:
    """Return the data of an initialised token account; its owner is not looked at."""
    data = call.account(position).data
    require_size(call, data, layout.ACCOUNT_SIZE)
    if data[layout.STATE] == 0:
        raise refuse_named(call, "UninitializedAccount")
    require_kind(call, data, layout.KIND_ACCOUNT)
    return data


def mint(call: Invocation, position: int) -> bytes:
    """Return the data of an initialised mint; its owner is not looked at."""
    data = call.account(position).data
    require_size(call, data, layout.MINT_SIZE)
    if data[layout.MINT_INITIALIZED] == 0:
        raise refuse_named(call, "UninitializedAccount")
    require_kind(call, data, layout.KIND_MINT)
    return data


def is_mint(call: Invocation, data: bytes) -> bool:
    """Say whether these bytes are an initialised mint in this program's eyes."""
    exact = len(data) == layout.MINT_SIZE
    return layout.is_mint(data) and (exact or is_2022(call))


def require_size(call: Invocation, data: bytes, size: int) -> None:
    """Refuse what cannot be of this kind by its size alone."""
    if not is_2022(call):
        fits = len(data) == size
    else:
        fits = len(data) >= size and len(data) != layout.MULTISIG_SIZE
    if not fits:
        raise refuse_named(call, "InvalidAccountData")


def require_kind(call: Invocation, data: bytes, *kinds: int) -> None:
    """Refuse data with extensions whose kind is another (Token-2022)."""
    at = layout.ACCOUNT_SIZE
    if len(data) in (layout.MINT_SIZE, at):
        wrong = len(data) == at and layout.KIND_ACCOUNT not in kinds
    else:
        padding = b"" if layout.KIND_ACCOUNT in kinds else data[layout.MINT_SIZE : at]
        wrong = len(data) <= at or data[at] not in kinds or any(padding)
    if wrong:
        raise refuse_named(call, "InvalidAccountData")


def require_own(call: Invocation, *positions: int) -> None:
    """Refuse accounts that the program does not own."""
    for position in positions:
        if call.account(position).owner != call.program:
            raise refuse_named(call, "IncorrectProgramId")


def require_own_2022(call: Invocation, *positions: int) -> None:
    """Do so for Token-2022 alone, which looks at owners before anything else."""
    if is_2022(call):
        require_own(call, *positions)


def authorize(
    call: Invocation,
    expected: Pubkey,
    position: int,
    signers: Sequence[AccountMeta] | None = None,
) -> None:
    """Check that the authority at a position is the expected one and has signed.

    A multisignature authority signs through the accounts behind it (or `signers`).
    """
    if call.address(position) != expected:
        raise refuse(call, OWNER_MISMATCH)
    authority = call.account(position)
    # Both programs accept the other's.
    if (
        len(authority.data) == layout.MULTISIG_SIZE
        and authority.owner in MULTISIG_UNITS
    ):
        if signers is None:
            signers = call.accounts[position + 1 :]
        _authorize_multisig(call, authority.data, signers)
    elif not call.is_signer(position):
        raise refuse_named(call, "MissingRequiredSignature")


def _authorize_multisig(
    call: Invocation, data: bytes, signers: Sequence[AccountMeta]
) -> None:
    required, known, initialized = data[:3]
    once, each, compared = MULTISIG_UNITS[call.program]
    call.consume(once + (each + compared * known) * len(signers))
    if not initialized:
        raise refuse_named(call, "UninitializedAccount")
    waiting = [data[3 + 32 * n : 35 + 32 * n] for n in range(known)]
    signed = 0
    for meta in signers:
        for position, address in enumerate(waiting):
            if address == bytes(meta.pubkey):
                if not meta.is_signer:
                    raise refuse_named(call, "MissingRequiredSignature")
                waiting[position] = b""
                signed += 1
    if signed < required:
        raise refuse_named(call, "MissingRequiredSignature")
