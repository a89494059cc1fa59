"""Transfers of both token programs. They check in different orders.

Sources: solana-program/token, `p-token/src/processor/shared/transfer.rs`;
solana-program/token-2022, `program/src/processor.rs`.
"""

from __future__ import annotations

from dex.types import Account

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    ACCOUNT_FROZEN,
    FEE_MISMATCH,
    INSUFFICIENT_FUNDS,
    INVALID_STATE,
    MINT_DECIMALS_MISMATCH,
    MINT_MISMATCH,
    MINT_REQUIRED_FOR_TRANSFER,
    OVERFLOW,
    authorize,
    mint,
    refuse,
    require_accounts,
    require_own,
    require_own_2022,
    token_account,
)
from .token_layout import DELEGATE, DELEGATED_AMOUNT
from .transfer_fee import transfer_fee, withhold

UINT64_MAX = 2**64 - 1
# What SPL Token uses more where a transfer changes nothing: it looks at the owners.
NOTHING_MOVES_UNITS = 48
# About what it uses more when it is given more accounts than it needs, as by a multisig.
MORE_ACCOUNTS_UNITS = 60
# What a transfer fee adds to the compute units of a transfer.
TRANSFER_FEE_UNITS = 1_376


def spend_delegation(
    call: Invocation, data: bytes, amount: int, authority: int, *, keep: bool = False
) -> bytes:
    """Check who moves tokens out of an account, and return the account's data.

    The delegate may, within what is delegated; `keep` leaves that as it is.
    """
    delegate = layout.optional_address(data, DELEGATE)
    if delegate != call.address(authority):
        authorize(call, layout.owner_of(data), authority)
        return data
    authorize(call, delegate, authority)
    left = layout.number(data, DELEGATED_AMOUNT) - amount
    if left < 0:
        raise refuse(call, INSUFFICIENT_FUNDS)
    if keep:
        return data
    data = layout.with_number(data, DELEGATED_AMOUNT, left)
    return data if left else layout.without_address(data, DELEGATE, call.program)


def transfer(call: Invocation, amount: int, decimals: int | None) -> None:
    target, authority = (1, 2) if decimals is None else (2, 3)
    require_accounts(call, authority + 1)
    if len(call.accounts) > authority + 1:
        call.consume(MORE_ACCOUNTS_UNITS)
    source = token_account(call, 0)
    to_itself = call.address(0) == call.address(target)
    receiver = source if to_itself else token_account(call, target)
    if layout.is_frozen(source) or layout.is_frozen(receiver):
        raise refuse(call, ACCOUNT_FROZEN)
    if amount > layout.amount_of(source):
        raise refuse(call, INSUFFICIENT_FUNDS)
    if layout.mint_of(source) != layout.mint_of(receiver):
        raise refuse(call, MINT_MISMATCH)
    if decimals is not None:
        _mint_of(call, source, decimals)
    source = spend_delegation(call, source, amount, authority, keep=to_itself)
    if to_itself or amount == 0:
        call.consume(NOTHING_MOVES_UNITS + (0 if decimals is None else 5))
        require_own(call, 0, target)
    if not to_itself:
        _move(call, target, source, amount, fee=0)


def move_2022(
    call: Invocation, amount: int, decimals: int | None, *, fee: int | None = None
) -> None:
    """Move tokens of Token-2022; `fee` is what the caller expects to be withheld."""
    target, authority = (1, 2) if decimals is None else (2, 3)
    require_accounts(call, authority + 1)
    require_own(call, 0, target)
    source = token_account(call, 0)
    if layout.is_frozen(source):
        raise refuse(call, ACCOUNT_FROZEN)
    if amount > layout.amount_of(source):
        raise refuse(call, INSUFFICIENT_FUNDS)
    withheld = 0
    if decimals is not None:
        minted = _mint_of(call, source, decimals)
        if layout.extension(minted, layout.TRANSFER_FEE_CONFIG) is not None:
            call.consume(TRANSFER_FEE_UNITS)
            withheld = transfer_fee(minted, amount, call.execution.clock.epoch)
    elif layout.extension(source, layout.TRANSFER_FEE_AMOUNT) is not None:
        raise refuse(call, MINT_REQUIRED_FOR_TRANSFER)
    if fee is not None and fee != withheld:
        # The program itself forgets to fill these in.
        call.log("Calculated fee {calculated_fee}, received {fee}")
        raise refuse(call, FEE_MISMATCH)
    to_itself = call.address(0) == call.address(target)
    source = spend_delegation(call, source, amount, authority, keep=to_itself)
    if to_itself:
        return
    receiver = token_account(call, target)
    if layout.is_frozen(receiver):
        raise refuse(call, ACCOUNT_FROZEN)
    if layout.mint_of(source) != layout.mint_of(receiver):
        raise refuse(call, MINT_MISMATCH)
    _move(call, target, source, amount, fee=withheld)


def _mint_of(call: Invocation, source: bytes, decimals: int) -> bytes:
    """Return the mint at position 1, which must be the account's own."""
    require_own_2022(call, 1)
    if call.address(1) != layout.mint_of(source):
        raise refuse(call, MINT_MISMATCH)
    data = mint(call, 1)
    if decimals != layout.decimals_of(data):
        raise refuse(call, MINT_DECIMALS_MISMATCH)
    return data


def _move(
    call: Invocation, target: int, source: bytes, amount: int, *, fee: int
) -> None:
    """Move tokens to another account, and for wrapped SOL the lamports with them."""
    payer, receiver = call.account(0), call.account(target)
    lamports = amount if layout.native_reserve(source) is not None else 0
    held = layout.amount_of(receiver.data) + amount - fee
    if held > UINT64_MAX or lamports > payer.lamports:
        raise refuse(call, OVERFLOW)
    received = layout.with_amount(receiver.data, held)
    if fee:
        if layout.extension(received, layout.TRANSFER_FEE_AMOUNT) is None:
            raise refuse(call, INVALID_STATE)
        received = withhold(received, fee)
    paid = layout.with_amount(source, layout.amount_of(source) - amount)
    # Not by `replace`, which takes three times as long: all swaps come through here.
    call.write(0, Account(payer.owner, payer.lamports - lamports, paid))
    call.write(target, Account(receiver.owner, receiver.lamports + lamports, received))
