"""Minting and burning, for both token programs."""

from __future__ import annotations

from dataclasses import replace

from solders.pubkey import Pubkey

from dex.solana.addresses import SYSTEM_PROGRAM

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    ACCOUNT_FROZEN,
    FIXED_SUPPLY,
    INSUFFICIENT_FUNDS,
    MINT_DECIMALS_MISMATCH,
    MINT_MISMATCH,
    NATIVE_NOT_SUPPORTED,
    OVERFLOW,
    authorize,
    is_2022,
    mint,
    panicked,
    refuse,
    require_accounts,
    require_own,
    require_own_2022,
    token_account,
)
from .token_layout import MINT_AUTHORITY, SUPPLY
from .token_transfers import UINT64_MAX, spend_delegation

INCINERATOR = Pubkey.from_string("1nc1nerator11111111111111111111111111111111")


def anyone_may_empty(data: bytes) -> bool:
    """Say whether the account belongs to an address that nobody signs for."""
    return layout.owner_of(data) in (SYSTEM_PROGRAM, INCINERATOR)


def mint_to(call: Invocation, amount: int, decimals: int | None) -> None:
    require_accounts(call, 3)
    require_own_2022(call, 0, 1)
    receiver = token_account(call, 1)
    if layout.is_frozen(receiver):
        raise refuse(call, ACCOUNT_FROZEN)
    if layout.native_reserve(receiver) is not None:
        raise refuse(call, NATIVE_NOT_SUPPORTED)
    if call.address(0) != layout.mint_of(receiver):
        raise refuse(call, MINT_MISMATCH)
    minted = mint(call, 0)
    if decimals is not None and decimals != layout.decimals_of(minted):
        raise refuse(call, MINT_DECIMALS_MISMATCH)
    authority = layout.optional_address(minted, MINT_AUTHORITY)
    if authority is None:
        raise refuse(call, FIXED_SUPPLY)
    authorize(call, authority, 2)
    if amount == 0:
        require_own(call, 0, 1)
    held = layout.amount_of(receiver) + amount
    supply = layout.number(minted, SUPPLY) + amount
    if max(held, supply) > UINT64_MAX:
        raise refuse(call, OVERFLOW)
    _write(call, 1, layout.with_amount(receiver, held))
    _write(call, 0, layout.with_number(minted, SUPPLY, supply))


def burn(call: Invocation, amount: int, decimals: int | None) -> None:
    require_accounts(call, 2)
    require_own_2022(call, 0, 1)
    require_accounts(call, 3)
    if is_2022(call):
        minted = mint(call, 1)
        if call.address(0) == call.address(1):
            raise panicked()
        source = token_account(call, 0)
    else:
        source = token_account(call, 0)
        minted = mint(call, 1)
    if layout.is_frozen(source):
        raise refuse(call, ACCOUNT_FROZEN)
    if layout.native_reserve(source) is not None:
        raise refuse(call, NATIVE_NOT_SUPPORTED)
    if amount > layout.amount_of(source):
        raise refuse(call, INSUFFICIENT_FUNDS)
    if call.address(1) != layout.mint_of(source):
        raise refuse(call, MINT_MISMATCH)
    if decimals is not None and decimals != layout.decimals_of(minted):
        raise refuse(call, MINT_DECIMALS_MISMATCH)
    if not anyone_may_empty(source):
        source = spend_delegation(call, source, amount, 2)
    if amount == 0:
        require_own(call, 0, 1)
    left = layout.amount_of(source) - amount
    supply = layout.number(minted, SUPPLY) - amount
    if supply < 0:
        raise refuse(call, OVERFLOW)
    _write(call, 0, layout.with_amount(source, left))
    _write(call, 1, layout.with_number(minted, SUPPLY, supply))


def _write(call: Invocation, position: int, data: bytes) -> None:
    call.write(position, replace(call.account(position), data=data))
