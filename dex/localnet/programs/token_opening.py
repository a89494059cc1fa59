"""Initialising mints, token accounts and multisignatures. For both token programs."""

from __future__ import annotations

from dataclasses import replace

from solders.pubkey import Pubkey

from dex.solana.addresses import WRAPPED_SOL_MINT

from . import token_layout as layout
from .invocation import Invocation, rent_exempt_minimum
from .token_checks import (
    ALREADY_IN_USE,
    INVALID_MINT,
    INVALID_PROVIDED_SIGNERS,
    INVALID_REQUIRED_SIGNERS,
    NOT_RENT_EXEMPT,
    OVERFLOW,
    is_2022,
    is_mint,
    optional_address,
    panicked,
    refuse,
    refuse_named,
    require_accounts,
    require_own,
    require_own_2022,
    require_size,
    unpack,
)
from .token_extensions import require_unopened, with_extension
from .transfer_fee import account_extensions, size_with

RENT_SYSVAR = Pubkey.from_string("SysvarRent111111111111111111111111111111111")


def initialize_account(call: Invocation, body: bytes) -> None:
    _require_account_and_mint(call)
    require_accounts(call, 4)
    require_rent_sysvar(call, 3)
    _initialize_account(call, call.address(2))


def initialize_account_2(call: Invocation, body: bytes) -> None:
    (owner,) = unpack(call, "<32s", body)
    _require_account_and_mint(call)
    require_accounts(call, 3)
    require_rent_sysvar(call, 2)
    _initialize_account(call, Pubkey(owner))


def initialize_account_3(call: Invocation, body: bytes) -> None:
    (owner,) = unpack(call, "<32s", body)
    _require_account_and_mint(call)
    _initialize_account(call, Pubkey(owner))


def initialize_mint(call: Invocation, body: bytes) -> None:
    values = _read_mint(call, body)
    _require_new_and_sysvar(call)
    _initialize_mint(call, *values)


def initialize_mint_2(call: Invocation, body: bytes) -> None:
    values = _read_mint(call, body)
    require_accounts(call, 1)
    _initialize_mint(call, *values)


def initialize_multisig(call: Invocation, body: bytes) -> None:
    required = _read_required(call, body)
    _require_new_and_sysvar(call)
    _initialize_multisig(call, required, first_signer=2)


def initialize_multisig_2(call: Invocation, body: bytes) -> None:
    required = _read_required(call, body)
    require_accounts(call, 1)
    require_own_2022(call, 0)
    _initialize_multisig(call, required, first_signer=1)


def initialize_immutable_owner(call: Invocation, body: bytes) -> None:
    """Promise that the owner never changes: an extension, which SPL Token lacks."""
    require_accounts(call, 1)
    require_own_2022(call, 0)
    data = call.account(0).data
    require_size(call, data, layout.ACCOUNT_SIZE)
    if data[layout.STATE]:
        raise refuse(call, ALREADY_IN_USE)
    if not is_2022(call):
        return
    require_unopened(call, data, layout.KIND_ACCOUNT)
    _write(call, with_extension(call, data, layout.IMMUTABLE_OWNER, b""))


def _require_new_and_sysvar(call: Invocation) -> None:
    """Refuse in the order of each program: Token-2022 looks at owners first."""
    require_accounts(call, 1)
    require_own_2022(call, 0)
    require_accounts(call, 2)
    require_rent_sysvar(call, 1)


def _require_account_and_mint(call: Invocation) -> None:
    require_accounts(call, 2)
    require_own_2022(call, 0, 1)


def _initialize_account(call: Invocation, owner: Pubkey) -> None:
    """Make an empty account a token account of the mint at position 1."""
    account, mint = call.account(0), call.account(1)
    data = account.data
    require_size(call, data, layout.ACCOUNT_SIZE)
    if data[layout.STATE]:
        raise refuse(call, ALREADY_IN_USE)
    require_unopened(call, data, layout.KIND_ACCOUNT)
    reserve = rent_exempt_minimum(len(data))
    if account.lamports < reserve:
        raise refuse(call, NOT_RENT_EXEMPT)
    if is_2022(call) and call.address(0) == call.address(1):
        raise panicked()
    native = call.address(1) == WRAPPED_SOL_MINT
    if not is_2022(call) and not native:
        require_own(call, 1)
    if not is_mint(call, mint.data) and (is_2022(call) or not native):
        raise refuse(call, INVALID_MINT)
    extensions: list[tuple[int, bytes]] = []
    if is_2022(call):
        require_own(call, 1)
        extensions = account_extensions(mint.data)
        if size_with(data, extensions) > len(data):
            raise refuse_named(call, "InvalidAccountData")
    for kind, value in extensions:
        data = with_extension(call, data, kind, value)
    amount = account.lamports - reserve if native else 0
    if amount < 0:
        raise refuse(call, OVERFLOW)
    base = layout.new_token_account(
        call.address(1), owner, amount, native_reserve=reserve if native else None
    )
    if len(data) > layout.ACCOUNT_SIZE:
        base += bytes([layout.KIND_ACCOUNT])
    _write(call, layout.put(data, 0, base))


def _initialize_mint(
    call: Invocation, decimals: int, authority: Pubkey, freezer: Pubkey | None
) -> None:
    require_own_2022(call, 0)
    account = call.account(0)
    data = account.data
    is_exempt = account.lamports >= rent_exempt_minimum(len(data))
    if is_2022(call) and not is_exempt:
        raise refuse(call, NOT_RENT_EXEMPT)
    require_size(call, data, layout.MINT_SIZE)
    if data[layout.MINT_INITIALIZED]:
        raise refuse(call, ALREADY_IN_USE)
    if not is_exempt:
        raise refuse(call, NOT_RENT_EXEMPT)
    require_unopened(call, data, layout.KIND_MINT)
    if len(data) > layout.MINT_SIZE:
        if size_with(data, []) != len(data):
            raise refuse_named(call, "InvalidAccountData")
        data = layout.put(data, layout.ACCOUNT_SIZE, bytes([layout.KIND_MINT]))
    data = layout.with_optional_address(data, layout.MINT_AUTHORITY, authority)
    data = layout.put(data, layout.MINT_INITIALIZED - 1, bytes([decimals, 1]))
    if freezer is not None:
        data = layout.with_optional_address(data, layout.FREEZE_AUTHORITY, freezer)
    _write(call, data)


def _initialize_multisig(call: Invocation, required: int, *, first_signer: int) -> None:
    account = call.account(0)
    if len(account.data) != layout.MULTISIG_SIZE:
        name = "InvalidArgument" if is_2022(call) else "InvalidAccountData"
        raise refuse_named(call, name)
    if account.data[2]:
        raise refuse(call, ALREADY_IN_USE)
    if account.lamports < rent_exempt_minimum(len(account.data)):
        raise refuse(call, NOT_RENT_EXEMPT)
    signers = call.accounts[first_signer:]
    if not 1 <= len(signers) <= layout.MAX_SIGNERS:
        raise refuse(call, INVALID_PROVIDED_SIGNERS)
    if not 1 <= required <= layout.MAX_SIGNERS:
        raise refuse(call, INVALID_REQUIRED_SIGNERS)
    head = bytes([required, len(signers), 1])
    data = head + b"".join(bytes(meta.pubkey) for meta in signers)
    _write(call, layout.put(account.data, 0, data))


def _read_mint(call: Invocation, body: bytes) -> tuple[int, Pubkey, Pubkey | None]:
    """Read decimals, mint authority and freeze authority."""
    freezer = optional_address(call, body, 33)
    return body[0], Pubkey(body[1:33]), freezer


def _read_required(call: Invocation, body: bytes) -> int:
    (required,) = unpack(call, "<B", body)
    return int(required)


def require_rent_sysvar(call: Invocation, position: int) -> None:
    if call.address(position) != RENT_SYSVAR:
        raise refuse_named(call, "InvalidArgument")


def _write(call: Invocation, data: bytes) -> None:
    call.write(0, replace(call.account(0), data=data))
