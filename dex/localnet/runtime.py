"""Execute one transaction on real bytes: all of it or nothing, and the fee either way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from solders.pubkey import Pubkey

from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account, Clock

from .loading import Loaded as Loaded
from .loading import Read as Read
from .loading import load as load
from .programs import PROGRAMS, is_executable
from .programs.compute_budget import Budget, read_budget
from .programs.execution import Execution
from .programs.invocation import Invocation, rent_exempt_minimum, run
from .transaction_errors import InstructionError, TransactionError

Execute = Callable[[Loaded, Read, Clock], "Outcome"]
# What counts for each account beside its data (SIMD-186).
BYTES_PER_LOADED_ACCOUNT = 64


@dataclass(frozen=True)
class Outcome:
    """What a transaction did. `changes` holds every account as it is afterwards."""

    loaded: Loaded
    error: Any
    logs: list[str]
    units: int
    fee: int
    inner: dict[int, list[dict[str, Any]]]
    before: Mapping[Pubkey, Account | None]
    changes: Mapping[Pubkey, Account | None] = field(default_factory=dict)
    # What a program returned last, and which one it was.
    return_data: tuple[Pubkey, bytes] | None = None


@dataclass(frozen=True)
class Begun:
    """A transaction that will land: its accounts, its fee, and its payer without it."""

    loaded: Loaded
    budget: Budget
    before: Mapping[Pubkey, Account | None]
    fee: int
    payer: Account


def execute(loaded: Loaded, read: Read, clock: Clock) -> Outcome:
    """Run a transaction against the accounts that `read` returns.

    Raises TransactionError when it cannot land at all. A program's refusal is an
    Outcome with an error: it lands, pays its fee and changes nothing else.
    """
    begun = begin(loaded, read, clock)
    loaded, before, budget = begun.loaded, begun.before, begun.budget
    keys = loaded.keys
    execution = Execution(
        before.get, keys, PROGRAMS, clock, budget.unit_limit, budget.heap_units
    )
    execution.changes[keys[0]] = begun.payer
    error = _load_error(loaded, before, budget)
    if error is None:
        error = _run_all(loaded, execution)
    if error is None:
        error = _rent_error(loaded, before, execution)
    changes = {keys[0]: begun.payer} if error else execution.changes
    return Outcome(
        loaded=loaded,
        error=error,
        logs=execution.logs,
        units=execution.units,
        fee=begun.fee,
        inner=execution.inner,
        before=before,
        changes={
            key: account if account.lamports else None
            for key, account in changes.items()
        },
        return_data=execution.return_data,
    )


def begin(loaded: Loaded, read: Read, clock: Clock) -> Begun:
    """Load the accounts and charge the fee; TransactionError when it cannot land."""
    loaded = loaded.resolved(read, clock.slot)
    keys = loaded.keys
    budget = read_budget(keys, loaded.instructions)
    before = {key: read(key) for key in keys}
    fee = budget.fee(loaded.signers)
    return Begun(loaded, budget, before, fee, _charge(before[keys[0]], fee))


def _charge(payer: Account | None, fee: int) -> Account:
    if payer is None:
        raise TransactionError("AccountNotFound")
    if payer.owner != SYSTEM_PROGRAM or payer.data:
        raise TransactionError("InvalidAccountForFee")
    left = payer.lamports - fee
    if left < 0:
        raise TransactionError("InsufficientFundsForFee")
    least = rent_exempt_minimum(0)
    if 0 < left < least <= payer.lamports:
        raise TransactionError({"InsufficientFundsForRent": {"account_index": 0}})
    return replace(payer, lamports=left)


def _load_error(
    loaded: Loaded, before: Mapping[Pubkey, Account | None], budget: Budget
) -> Any:
    """Say why the accounts cannot be loaded: it pays the fee, but nothing runs."""
    size = sum(
        len(account.data) + BYTES_PER_LOADED_ACCOUNT
        for account in before.values()
        if account is not None
    )
    if size > budget.loaded_bytes:
        return "MaxLoadedAccountsDataSizeExceeded"
    for instruction in loaded.instructions:
        program = loaded.keys[instruction.program_id_index]
        if program in PROGRAMS:
            continue
        account = before[program]
        if account is None:
            return "ProgramAccountNotFound"
        if not is_executable(account):
            return "InvalidProgramForExecution"
    return None


def _run_all(loaded: Loaded, execution: Execution) -> Any:
    keys, metas = loaded.keys, loaded.metas
    for index, instruction in enumerate(loaded.instructions):
        invocation = Invocation(
            execution,
            keys[instruction.program_id_index],
            [metas[position] for position in instruction.accounts],
            bytes(instruction.data),
            index,
        )
        try:
            execution.count_instruction()
            run(invocation)
        except InstructionError as error:
            return {"InstructionError": [index, error.error]}
    return None


def _rent_error(
    loaded: Loaded, before: Mapping[Pubkey, Account | None], execution: Execution
) -> Any:
    """Name the first account that was left with less than its rent, if any.

    One that held less before may stay so, if it keeps its size and gains nothing.
    """
    for position, key in enumerate(loaded.keys):
        account = execution.changes.get(key)
        if account is None or account.lamports == 0:
            continue
        size = len(account.data)
        if account.lamports >= rent_exempt_minimum(size):
            continue
        was = before[key]
        if (
            was is None
            or len(was.data) != size
            or not account.lamports <= was.lamports < rent_exempt_minimum(size)
        ):
            return {"InsufficientFundsForRent": {"account_index": position}}
    return None
