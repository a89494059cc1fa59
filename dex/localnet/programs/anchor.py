"""What the swap programs share: Anchor's errors and checks, and token transfers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account, Snapshot

from . import token_layout as layout
from .invocation import Invocation

CONSTRAINT_HAS_ONE = 2001
CONSTRAINT_RAW = 2003
CONSTRAINT_SEEDS = 2006
CONSTRAINT_ADDRESS = 2012
NOT_ENOUGH_KEYS = 3005
WRONG_OWNER = 3007
INVALID_PROGRAM = 3008
NOT_SIGNER = 3010
NOT_INITIALIZED = 3012

NAMES = {
    CONSTRAINT_HAS_ONE: "ConstraintHasOne",
    CONSTRAINT_RAW: "ConstraintRaw",
    CONSTRAINT_SEEDS: "ConstraintSeeds",
    CONSTRAINT_ADDRESS: "ConstraintAddress",
    NOT_ENOUGH_KEYS: "AccountNotEnoughKeys",
    WRONG_OWNER: "AccountOwnedByWrongProgram",
    INVALID_PROGRAM: "InvalidProgramId",
    NOT_SIGNER: "AccountNotSigner",
    NOT_INITIALIZED: "AccountNotInitialized",
}
T = TypeVar("T")


def refuse(call: Invocation, code: int, name: str = "") -> InstructionError:
    """Log an error as Anchor does and return it, to be raised."""
    name = name or NAMES[code]
    call.log(f"AnchorError occurred. Error Code: {name}. Error Number: {code}.")
    return custom(code)


def require_keys(call: Invocation, count: int) -> None:
    if len(call.accounts) < count:
        raise refuse(call, NOT_ENOUGH_KEYS)


def require_signer(call: Invocation, position: int) -> None:
    if not call.is_signer(position):
        raise refuse(call, NOT_SIGNER)


def require_address(
    call: Invocation, position: int, expected: Pubkey, code: int = CONSTRAINT_ADDRESS
) -> None:
    if call.address(position) != expected:
        raise refuse(call, code)


def token_account(call: Invocation, position: int) -> bytes:
    """Return the data of an initialised token account of either token program."""
    account = call.account(position)
    if account.owner == SYSTEM_PROGRAM and account.lamports == 0:
        raise refuse(call, NOT_INITIALIZED)
    token_program = account.owner in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
    if not token_program or not layout.is_token_account(account.data):
        raise refuse(call, WRONG_OWNER)
    return account.data


def snapshot(call: Invocation) -> Snapshot:
    """Return the accounts of this call as the venues' arithmetic reads them."""
    clock = call.execution.clock
    accounts: dict[Pubkey, Account | None] = {}
    for meta in call.accounts:
        account = call.execution.account(meta.pubkey)
        accounts[meta.pubkey] = account if account.lamports else None
    return Snapshot(clock.slot, clock, accounts)


def compute(
    call: Invocation,
    errors: Mapping[str, tuple[int, str]],
    swap: Callable[[], T],
) -> T:
    """Run the venue's arithmetic; a refusal becomes the program's own error."""
    try:
        return swap()
    except QuoteRefused as refusal:
        if refusal.code in errors:
            raise refuse(call, *errors[refusal.code]) from None
        if refusal.code == "too_many_bins":
            raise InstructionError("ComputationalBudgetExceeded") from None
        call.log(str(refusal))
        raise InstructionError("InvalidArgument") from None


def transfer(
    call: Invocation,
    amount: int,
    *,
    source: int,
    mint: int,
    target: int,
    authority: Pubkey,
    token_program: Pubkey,
    signed_by: Collection[Pubkey] = (),
) -> None:
    """Call TransferChecked between accounts that are named by their positions."""
    decimals = layout.decimals_of(call.account(mint).data)
    call.call(
        token_program,
        [
            AccountMeta(call.address(source), False, True),
            AccountMeta(call.address(mint), False, False),
            AccountMeta(call.address(target), False, True),
            AccountMeta(authority, True, False),
        ],
        struct.pack("<BQB", 12, amount, decimals),
        signed_by=signed_by,
    )
