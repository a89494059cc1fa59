"""Token-2022's instructions for transfer fees: set them, and collect what is withheld.

Source: solana-program/token-2022, `program/src/extension/transfer_fee/processor.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from solders.pubkey import Pubkey

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    ACCOUNT_FROZEN,
    ALREADY_IN_USE,
    FEE_EXCEEDS_MAXIMUM,
    INVALID_INSTRUCTION,
    INVALID_STATE,
    MINT_MISMATCH,
    NO_AUTHORITY,
    OVERFLOW,
    authorize,
    mint,
    panicked,
    refuse,
    refuse_named,
    require_accounts,
    require_own,
    require_size,
    token_account,
)
from .token_extensions import require_unopened, with_extension
from .token_transfers import UINT64_MAX, move_2022

MAX_FEE_BPS = 10_000
# Offsets in the configuration: two authorities, what is withheld, two fees.
WITHDRAW_AUTHORITY, WITHHELD, OLDER, NEWER = 32, 64, 72, 90
FEE = struct.Struct("<QQH")
# A new fee counts from the epoch after next on.
EPOCHS_UNTIL_NEW_FEE = 2


def process(call: Invocation, body: bytes) -> None:
    """Run one instruction of the extension; its own tag comes first."""
    if not body or body[0] not in INSTRUCTIONS:
        raise refuse(call, INVALID_INSTRUCTION)
    name, instruction, units, units_per_account = INSTRUCTIONS[body[0]]
    call.consume(units + units_per_account * len(call.accounts))
    try:
        instruction(call, name, body[1:])
    except struct.error:
        raise refuse(call, INVALID_INSTRUCTION) from None


def _initialize_config(call: Invocation, name: str, body: bytes) -> None:
    setter, body = _optional(call, body)
    withdrawer, body = _optional(call, body)
    bps, maximum = struct.unpack_from("<HQ", body)
    require_accounts(call, 1)
    require_own(call, 0)
    data = call.account(0).data
    require_size(call, data, layout.MINT_SIZE)
    if data[layout.MINT_INITIALIZED]:
        raise refuse(call, ALREADY_IN_USE)
    require_unopened(call, data, layout.KIND_MINT)
    fee = FEE.pack(call.execution.clock.epoch, maximum, bps)
    config = setter + withdrawer + bytes(8) + fee + fee
    data = with_extension(call, data, layout.TRANSFER_FEE_CONFIG, config)
    if bps > MAX_FEE_BPS:
        raise refuse(call, FEE_EXCEEDS_MAXIMUM)
    _write(call, 0, data)


def _transfer(call: Invocation, name: str, body: bytes) -> None:
    amount, decimals, fee = struct.unpack_from("<QBQ", body)
    call.log(f"TransferFeeInstruction: {name}")
    move_2022(call, amount, decimals, fee=fee)


def _withdraw_from_mint(call: Invocation, name: str, body: bytes) -> None:
    call.log(f"TransferFeeInstruction: {name}")
    require_accounts(call, 3)
    require_own(call, 0, 1)
    data, at = _config(call)
    _authorize_withdrawal(call, data, at)
    _require_other(call, 1)
    receiver = _receiver(call)
    withheld = layout.number(data, at + WITHHELD)
    _write(call, 0, layout.with_number(data, at + WITHHELD, 0))
    _add(call, 1, receiver, withheld)


def _withdraw_from_accounts(call: Invocation, name: str, body: bytes) -> None:
    (count,) = struct.unpack_from("<B", body)
    call.log(f"TransferFeeInstruction: {name}")
    require_accounts(call, 3)
    signers = max(0, len(call.accounts) - 3 - count)
    require_own(call, 0, 1)
    data, at = _config(call)
    _authorize_withdrawal(call, data, at, signers)
    _require_other(call, 1)
    receiver = _receiver(call)
    for position in range(3 + signers, len(call.accounts)):
        receiver = call.account(1).data
        if call.address(position) == call.address(1):
            own = layout.extension(receiver, layout.TRANSFER_FEE_AMOUNT)
            if own is None:
                raise refuse(call, INVALID_STATE)
            withheld = layout.number(receiver, own)
            receiver = layout.with_number(receiver, own, 0)
        else:
            withheld = _harvest(call, position)
        _add(call, 1, receiver, withheld)


def _harvest_to_mint(call: Invocation, name: str, body: bytes) -> None:
    call.log(f"TransferFeeInstruction: {name}")
    require_accounts(call, 1)
    require_own(call, 0)
    data, at = _config(call)
    for position in range(1, len(call.accounts)):
        total = layout.number(data, at + WITHHELD) + _harvest(call, position)
        if total > UINT64_MAX:
            raise refuse(call, OVERFLOW)
        data = layout.with_number(data, at + WITHHELD, total)
    _write(call, 0, data)


def _set_fee(call: Invocation, name: str, body: bytes) -> None:
    bps, maximum = struct.unpack_from("<HQ", body)
    call.log(f"TransferFeeInstruction: {name}")
    require_accounts(call, 2)
    require_own(call, 0)
    data, at = _config(call)
    setter = data[at : at + 32]
    if not any(setter):
        raise refuse(call, NO_AUTHORITY)
    authorize(call, Pubkey(setter), 1)
    if bps > MAX_FEE_BPS:
        raise refuse(call, FEE_EXCEEDS_MAXIMUM)
    epoch = call.execution.clock.epoch
    newer = data[at + NEWER : at + NEWER + FEE.size]
    if layout.number(newer, 0) <= epoch:
        data = layout.put(data, at + OLDER, newer)
    fee = FEE.pack(epoch + EPOCHS_UNTIL_NEW_FEE, maximum, bps)
    _write(call, 0, layout.put(data, at + NEWER, fee))


def _config(call: Invocation) -> tuple[bytes, int]:
    """Return the mint at position 0 and where its transfer fee stands."""
    data = mint(call, 0)
    at = layout.extension(data, layout.TRANSFER_FEE_CONFIG)
    if at is None:
        raise refuse_named(call, "InvalidAccountData")
    return data, at


def _authorize_withdrawal(
    call: Invocation, data: bytes, at: int, signers: int | None = None
) -> None:
    authority = data[at + WITHDRAW_AUTHORITY : at + WITHDRAW_AUTHORITY + 32]
    if not any(authority):
        raise refuse(call, NO_AUTHORITY)
    behind = None if signers is None else call.accounts[3 : 3 + signers]
    authorize(call, Pubkey(authority), 2, behind)


def _receiver(call: Invocation) -> bytes:
    data = token_account(call, 1)
    if layout.mint_of(data) != call.address(0):
        raise refuse(call, MINT_MISMATCH)
    if layout.is_frozen(data):
        raise refuse(call, ACCOUNT_FROZEN)
    return data


def _harvest(call: Invocation, position: int) -> int:
    """Take what an account withholds; 0, with a log, where that cannot be."""
    _require_other(call, position)
    account = call.account(position)
    at = layout.extension(account.data, layout.TRANSFER_FEE_AMOUNT)
    problem = ""
    if not layout.is_token_account(account.data):
        problem = "State is invalid for requested operation"
    elif layout.mint_of(account.data) != call.address(0):
        problem = "Account not associated with this Mint"
    elif at is None or account.owner != call.program:
        problem = "State is invalid for requested operation"
    if problem or at is None:
        call.log(f"Error harvesting from {call.address(position)}: {problem}")
        return 0
    _write(call, position, layout.with_number(account.data, at, 0))
    return layout.number(account.data, at)


def _require_other(call: Invocation, position: int) -> None:
    """Fail where the program borrows the mint's data a second time, and panics."""
    if call.address(position) == call.address(0):
        raise panicked()


def _add(call: Invocation, position: int, data: bytes, amount: int) -> None:
    total = layout.amount_of(data) + amount
    if total > UINT64_MAX:
        raise refuse(call, OVERFLOW)
    _write(call, position, layout.with_amount(data, total))


def _optional(call: Invocation, body: bytes) -> tuple[bytes, bytes]:
    """Read an optional address (zeros for none), and return what follows."""
    if body[:1] == b"\0":
        return bytes(32), body[1:]
    if body[:1] == b"\1" and len(body) >= 33:
        return body[1:33], body[33:]
    raise refuse(call, INVALID_INSTRUCTION)


def _write(call: Invocation, position: int, data: bytes) -> None:
    call.write(position, replace(call.account(position), data=data))


Instruction = Callable[[Invocation, str, bytes], None]
# By tag: its name in the log, what runs, and about the compute units it takes: once, and
# for each account.
INSTRUCTIONS: dict[int, tuple[str, Instruction, int, int]] = {
    0: ("InitializeTransferFeeConfig", _initialize_config, 1_213, 0),
    1: ("TransferCheckedWithFee", _transfer, 1_876, 0),
    2: ("WithdrawWithheldTokensFromMint", _withdraw_from_mint, 1_412, 0),
    3: ("WithdrawWithheldTokensFromAccounts", _withdraw_from_accounts, 15, 478),
    4: ("HarvestWithheldTokensToMint", _harvest_to_mint, 388, 454),
    5: ("SetTransferFee", _set_fee, 1_340, 0),
}
