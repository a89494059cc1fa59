"""Who may do what: delegates, authorities, frozen accounts. For both token programs."""

from __future__ import annotations

from dataclasses import replace

from solders.pubkey import Pubkey

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    ACCOUNT_FROZEN,
    AUTHORITY_NOT_SUPPORTED,
    FIXED_SUPPLY,
    INVALID_INSTRUCTION,
    INVALID_STATE,
    MINT_CANNOT_FREEZE,
    MINT_DECIMALS_MISMATCH,
    MINT_MISMATCH,
    NATIVE_NOT_SUPPORTED,
    OWNER_IS_IMMUTABLE,
    authorize,
    is_2022,
    is_mint,
    mint,
    optional_address,
    refuse,
    refuse_named,
    require_accounts,
    require_own_2022,
    token_account,
)
from .token_layout import (
    CLOSE_AUTHORITY,
    DELEGATE,
    DELEGATED_AMOUNT,
    FREEZE_AUTHORITY,
    MINT_AUTHORITY,
    OWNER,
    STATE,
)

# Kinds of authority, as an instruction names them.
MINT_TOKENS, FREEZE_ACCOUNT, ACCOUNT_OWNER, CLOSE_ACCOUNT = range(4)
TRANSFER_FEE_CONFIG, WITHHELD_WITHDRAW = 4, 5
KINDS, KINDS_2022 = 4, 18
# Where the transfer fee's configuration has these two authorities.
FEE_AUTHORITY_OFFSETS = {TRANSFER_FEE_CONFIG: 0, WITHHELD_WITHDRAW: 32}


def revoke(call: Invocation, body: bytes) -> None:
    """Take the delegate away: the owner may, and the delegate itself."""
    require_accounts(call, 2 if is_2022(call) else 1)
    require_own_2022(call, 0)
    data = token_account(call, 0)
    require_accounts(call, 2)
    if layout.is_frozen(data):
        raise refuse(call, ACCOUNT_FROZEN)
    delegate = layout.optional_address(data, DELEGATE)
    expected = delegate if delegate == call.address(1) else None
    authorize(call, expected or layout.owner_of(data), 1)
    _write(call, _without_delegate(call, data))


def freeze(call: Invocation, body: bytes) -> None:
    _set_state(call, layout.FROZEN)


def thaw(call: Invocation, body: bytes) -> None:
    _set_state(call, layout.INITIALIZED)


def set_authority(call: Invocation, body: bytes) -> None:
    """Give an authority over an account or a mint to another, or to nobody."""
    kind, new = _read_authority(call, body)
    require_accounts(call, 2)
    require_own_2022(call, 0)
    data = call.account(0).data
    if is_2022(call):
        if layout.is_token_account(data):
            _set_account_authority(call, token_account(call, 0), kind, new)
        elif is_mint(call, data):
            _set_mint_authority(call, mint(call, 0), kind, new)
        else:
            raise refuse_named(call, "InvalidAccountData")
    elif len(data) == layout.ACCOUNT_SIZE:
        _set_account_authority(call, token_account(call, 0), kind, new)
    elif len(data) == layout.MINT_SIZE:
        _set_mint_authority(call, mint(call, 0), kind, new)
    else:
        raise refuse_named(call, "InvalidArgument")


def approve(call: Invocation, amount: int, decimals: int | None) -> None:
    delegate, owner = (1, 2) if decimals is None else (2, 3)
    require_accounts(call, 1)
    require_own_2022(call, 0)
    require_accounts(call, owner + 1)
    data = token_account(call, 0)
    if layout.is_frozen(data):
        raise refuse(call, ACCOUNT_FROZEN)
    if decimals is not None:
        require_own_2022(call, 1)
        if call.address(1) != layout.mint_of(data):
            raise refuse(call, MINT_MISMATCH)
        if decimals != layout.decimals_of(mint(call, 1)):
            raise refuse(call, MINT_DECIMALS_MISMATCH)
    authorize(call, layout.owner_of(data), owner)
    data = layout.with_optional_address(data, DELEGATE, call.address(delegate))
    _write(call, layout.with_number(data, DELEGATED_AMOUNT, amount))


def _without_delegate(call: Invocation, data: bytes) -> bytes:
    data = layout.without_address(data, DELEGATE, call.program)
    return layout.with_number(data, DELEGATED_AMOUNT, 0)


def _set_state(call: Invocation, state: int) -> None:
    require_accounts(call, 3)
    require_own_2022(call, 0, 1)
    data = token_account(call, 0)
    if data[STATE] == state:
        raise refuse(call, INVALID_STATE)
    if layout.native_reserve(data) is not None:
        raise refuse(call, NATIVE_NOT_SUPPORTED)
    if call.address(1) != layout.mint_of(data):
        raise refuse(call, MINT_MISMATCH)
    authority = layout.optional_address(mint(call, 1), FREEZE_AUTHORITY)
    if authority is None:
        raise refuse(call, MINT_CANNOT_FREEZE)
    authorize(call, authority, 2)
    _write(call, layout.put(data, STATE, bytes([state])))


def _read_authority(call: Invocation, body: bytes) -> tuple[int, Pubkey | None]:
    new = optional_address(call, body, 1)
    if body[0] >= (KINDS_2022 if is_2022(call) else KINDS):
        raise refuse(call, INVALID_INSTRUCTION)
    return body[0], new


def _set_account_authority(
    call: Invocation, data: bytes, kind: int, new: Pubkey | None
) -> None:
    if layout.is_frozen(data):
        raise refuse(call, ACCOUNT_FROZEN)
    if kind == ACCOUNT_OWNER:
        authorize(call, layout.owner_of(data), 1)
        if layout.extension(data, layout.IMMUTABLE_OWNER) is not None:
            raise refuse(call, OWNER_IS_IMMUTABLE)
        if new is None:
            raise refuse(call, INVALID_INSTRUCTION)
        data = _without_delegate(call, layout.put(data, OWNER, bytes(new)))
        if layout.native_reserve(data) is not None:
            data = layout.without_address(data, CLOSE_AUTHORITY, call.program)
        _write(call, data)
    elif kind == CLOSE_ACCOUNT:
        authorize(call, layout.close_authority(data), 1)
        _write(call, _with_authority(call, data, CLOSE_AUTHORITY, new))
    else:
        raise refuse(call, AUTHORITY_NOT_SUPPORTED)


def _set_mint_authority(
    call: Invocation, data: bytes, kind: int, new: Pubkey | None
) -> None:
    if kind in FEE_AUTHORITY_OFFSETS:
        _set_fee_authority(call, data, FEE_AUTHORITY_OFFSETS[kind], new)
        return
    if kind not in (MINT_TOKENS, FREEZE_ACCOUNT):
        # Authorities of extensions that localnet does not run.
        if kind > CLOSE_ACCOUNT:
            raise refuse_named(call, "InvalidAccountData")
        raise refuse(call, AUTHORITY_NOT_SUPPORTED)
    at = MINT_AUTHORITY if kind == MINT_TOKENS else FREEZE_AUTHORITY
    authority = layout.optional_address(data, at)
    if authority is None:
        raise refuse(call, FIXED_SUPPLY if kind == MINT_TOKENS else MINT_CANNOT_FREEZE)
    authorize(call, authority, 1)
    _write(call, _with_authority(call, data, at, new))


def _set_fee_authority(
    call: Invocation, data: bytes, offset: int, new: Pubkey | None
) -> None:
    at = layout.extension(data, layout.TRANSFER_FEE_CONFIG)
    if at is None:
        raise refuse_named(call, "InvalidAccountData")
    held = data[at + offset : at + offset + 32]
    if not any(held):
        raise refuse(call, AUTHORITY_NOT_SUPPORTED)
    authorize(call, Pubkey(held), 1)
    _write(
        call, layout.put(data, at + offset, bytes(32) if new is None else bytes(new))
    )


def _with_authority(
    call: Invocation, data: bytes, at: int, new: Pubkey | None
) -> bytes:
    if new is None:
        return layout.without_address(data, at, call.program)
    return layout.with_optional_address(data, at, new)


def _write(call: Invocation, data: bytes) -> None:
    call.write(0, replace(call.account(0), data=data))
