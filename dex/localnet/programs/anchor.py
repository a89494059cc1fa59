"""What the swap programs share: Anchor's errors and checks, and token transfers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account, Snapshot

from . import token_layout as layout
from .invocation import Invocation

NOT_DESERIALIZED = 102
CONSTRAINT_HAS_ONE = 2001
CONSTRAINT_RAW = 2003
CONSTRAINT_SEEDS = 2006
CONSTRAINT_ADDRESS = 2012
REQUIRE_GT = 2505
WRONG_DISCRIMINATOR = 3002
NOT_ENOUGH_KEYS = 3005
WRONG_OWNER = 3007
INVALID_PROGRAM = 3008
NOT_SIGNER = 3010
NOT_INITIALIZED = 3012

ACCOUNT_FROZEN = 17  # of the token programs
# What Anchor says of its own errors. Source: anchor, `lang/src/error.rs`.
MESSAGES = {
    NOT_DESERIALIZED: "The program could not deserialize the given instruction",
    CONSTRAINT_HAS_ONE: "A has one constraint was violated",
    CONSTRAINT_RAW: "A raw constraint was violated",
    CONSTRAINT_SEEDS: "A seeds constraint was violated",
    CONSTRAINT_ADDRESS: "An address constraint was violated",
    REQUIRE_GT: "A require_gt expression was violated",
    WRONG_DISCRIMINATOR: "8 byte discriminator did not match what was expected",
    NOT_ENOUGH_KEYS: "Not enough account keys given to the instruction",
    WRONG_OWNER: "The given account is owned by a different program than expected",
    INVALID_PROGRAM: "Program ID was not as expected",
    NOT_SIGNER: "The given account did not sign",
    NOT_INITIALIZED: "The program expected this account to be already initialized",
}
# The tag of an event that a program sends to itself. Source: anchor, `lang/src/event.rs`.
EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AnchorProgram:
    """What the log of a program's errors names: its errors and its accounts, in order."""

    errors: Mapping[int, str]
    messages: Mapping[int, str]
    accounts: Sequence[str]


def refuse(
    call: Invocation, program: AnchorProgram, code: int, position: int | None = None
) -> InstructionError:
    """Log an error as Anchor does and return it, to be raised.

    `position` is the account that is to blame. Where in its source a program fails is
    not logged: only its own build knows the line.
    """
    cause = "occurred"
    if position is not None and position < len(program.accounts):
        cause = f"caused by account: {program.accounts[position]}"
    message = MESSAGES.get(code) or program.messages[code]
    call.log(
        f"AnchorError {cause}. Error Code: {program.errors[code]}. "
        f"Error Number: {code}. Error Message: {message}."
    )
    return custom(code)


def require_keys(call: Invocation, program: AnchorProgram) -> None:
    if len(call.accounts) < len(program.accounts):
        raise refuse(call, program, NOT_ENOUGH_KEYS, len(call.accounts))


def require_signer(call: Invocation, program: AnchorProgram, position: int) -> None:
    if not call.is_signer(position):
        raise refuse(call, program, NOT_SIGNER, position)


def require_address(
    call: Invocation,
    program: AnchorProgram,
    position: int,
    expected: Pubkey,
    code: int = CONSTRAINT_ADDRESS,
) -> None:
    """Raise unless the account is the expected one; both are logged."""
    given = call.address(position)
    if given != expected:
        error = refuse(call, program, code, position)
        _log_sides(call, given, expected)
        raise error


def require_has_one(
    call: Invocation, program: AnchorProgram, owner: int, position: int, named: Pubkey
) -> None:
    """Raise unless the account is the one that the account at `owner` names."""
    given = call.address(position)
    if given != named:
        error = refuse(call, program, CONSTRAINT_HAS_ONE, owner)
        _log_sides(call, named, given)
        raise error


def _log_sides(call: Invocation, left: Pubkey, right: Pubkey) -> None:
    for line in ("Left:", str(left), "Right:", str(right)):
        call.log(line)


def owned_account(
    call: Invocation,
    program: AnchorProgram,
    position: int,
    discriminator: bytes,
    size: int,
) -> bytes:
    """Return the data of an account of this program and of one kind."""
    account = call.account(position)
    if account.owner != call.program:
        raise refuse(call, program, WRONG_OWNER, position)
    if account.data[:8] != discriminator or len(account.data) < size:
        raise refuse(call, program, WRONG_DISCRIMINATOR, position)
    return account.data


def token_account(call: Invocation, program: AnchorProgram, position: int) -> bytes:
    """Return the data of an initialised token account of either token program."""
    account = call.account(position)
    if account.owner == SYSTEM_PROGRAM and account.lamports == 0:
        raise refuse(call, program, NOT_INITIALIZED, position)
    token_program = account.owner in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
    if not token_program or not layout.is_token_account(account.data):
        raise refuse(call, program, WRONG_OWNER, position)
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
    program: AnchorProgram,
    codes: Mapping[str, int | str],
    swap: Callable[[], T],
) -> T:
    """Run the venue's arithmetic; a refusal becomes the program's own error.

    `codes` says which: a number of the program's own, or the name of a runtime error.
    """
    try:
        return swap()
    except QuoteRefused as refusal:
        code = codes.get(refusal.code)
        if isinstance(code, int):
            raise refuse(call, program, code) from None
        if refusal.code == "vault_frozen":  # the token program refuses the transfer
            call.log("Error: Account is frozen")
            raise custom(ACCOUNT_FROZEN) from None
        if refusal.code == "too_many_bins":
            raise call.run_out() from None
        call.log(str(refusal))
        raise InstructionError(code or "InvalidArgument") from None


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


def is_event(data: bytes) -> bool:
    """Say whether a program called itself to leave an event in the inner instructions."""
    return data[: len(EVENT_TAG)] == EVENT_TAG


def emit(call: Invocation, authority: Pubkey, event: bytes) -> None:
    """Leave an event where logs cannot be cut off: in the data of a call to itself."""
    call.call(
        call.program,
        [AccountMeta(authority, True, False)],
        EVENT_TAG + event,
        signed_by=(authority,),
    )
