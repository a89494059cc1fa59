"""Closing token accounts and counting the lamports of wrapped SOL. For both programs."""

from __future__ import annotations

from dataclasses import replace

from dex.solana.addresses import SYSTEM_PROGRAM

from . import token_layout as layout
from .invocation import Invocation, rent_exempt_minimum
from .token_checks import (
    HAS_WITHHELD_FEES,
    INVALID_STATE,
    NON_NATIVE_HAS_BALANCE,
    NON_NATIVE_NOT_SUPPORTED,
    OVERFLOW,
    authorize,
    is_2022,
    is_mint,
    refuse,
    refuse_named,
    require_accounts,
    require_own,
    require_own_2022,
    token_account,
)
from .token_opening import require_rent_sysvar
from .token_supply import INCINERATOR, anyone_may_empty
from .transfer_fee import withheld_amount


def close(call: Invocation, body: bytes) -> None:
    """Delete an empty account, or one of wrapped SOL; its lamports go to position 1."""
    require_accounts(call, 3)
    require_own_2022(call, 0)
    if call.address(0) == call.address(1):
        raise refuse_named(call, "InvalidAccountData")
    data = _closable(call)
    if layout.native_reserve(data) is None and layout.amount_of(data):
        raise refuse(call, NON_NATIVE_HAS_BALANCE)
    if not anyone_may_empty(data):
        authorize(call, layout.close_authority(data), 2)
    elif call.address(1) != INCINERATOR:
        raise refuse_named(call, "InvalidAccountData")
    if withheld_amount(data):
        raise refuse(call, HAS_WITHHELD_FEES)
    closed, receiver = call.account(0), call.account(1)
    call.write(1, replace(receiver, lamports=receiver.lamports + closed.lamports))
    call.write(0, replace(closed, data=b"", lamports=0, owner=SYSTEM_PROGRAM))


def sync_native(call: Invocation, body: bytes) -> None:
    """Set the amount of wrapped SOL to the lamports above the account's rent."""
    require_accounts(call, 1)
    require_own(call, 0)
    if len(call.accounts) > 1:
        require_rent_sysvar(call, 1)
    data = token_account(call, 0)
    reserve = layout.native_reserve(data)
    if reserve is None:
        raise refuse(call, NON_NATIVE_NOT_SUPPORTED)
    account = call.account(0)
    if is_2022(call):
        reserve = rent_exempt_minimum(len(data))
        data = layout.with_number(data, layout.NATIVE + 4, reserve)
    amount = account.lamports - reserve
    if amount < 0:
        raise refuse(call, OVERFLOW)
    if amount < layout.amount_of(data) and not is_2022(call):
        raise refuse(call, INVALID_STATE)
    call.write(0, replace(account, data=layout.with_amount(data, amount)))


def _closable(call: Invocation) -> bytes:
    data = call.account(0).data
    if is_2022(call) and not layout.is_token_account(data):
        if is_mint(call, data):
            # Only a mint with a close authority can be closed; localnet makes none.
            raise refuse_named(call, "InvalidAccountData")
        raise refuse_named(call, "UninitializedAccount")
    return token_account(call, 0)
