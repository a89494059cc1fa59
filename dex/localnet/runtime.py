"""Execute one transaction on real bytes: all of it or nothing, and the fee either way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from solders.instruction import AccountMeta
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.solana.addresses import MEMO_PROGRAM, SYSTEM_PROGRAM
from dex.types import Account, Clock

from .programs import PROGRAMS
from .programs.compute_budget import read_budget
from .programs.invocation import Execution, Invocation, rent_exempt_minimum, run
from .transaction_errors import InstructionError, TransactionError

Read = Callable[[Pubkey], Account | None]


@dataclass(frozen=True)
class Outcome:
    """What a transaction did. `changes` holds every account as it is afterwards."""

    error: Any
    logs: list[str]
    units: int
    fee: int
    inner: dict[int, list[dict[str, Any]]]
    before: Mapping[Pubkey, Account | None]
    changes: Mapping[Pubkey, Account | None] = field(default_factory=dict)


class Loaded:
    """A transaction taken apart once: keys, rights, instructions, budget."""

    def __init__(self, transaction: VersionedTransaction) -> None:
        message = transaction.message
        self.transaction = transaction
        self.message = message
        self.keys: list[Pubkey] = message.account_keys
        self.instructions = message.instructions
        self.blockhash = message.recent_blockhash
        self.signature = str(transaction.signatures[0])
        header = message.header
        self.signers = header.num_required_signatures
        self.writable_signers = self.signers - header.num_readonly_signed_accounts
        self.first_readonly = len(self.keys) - header.num_readonly_unsigned_accounts

    @cached_property
    def metas(self) -> list[AccountMeta]:
        return [
            AccountMeta(key, position < self.signers, self._is_writable(position))
            for position, key in enumerate(self.keys)
        ]

    @cached_property
    def has_valid_signatures(self) -> bool:
        return all(self.transaction.verify_with_results())

    def _is_writable(self, position: int) -> bool:
        if position < self.signers:
            return position < self.writable_signers
        # A program that is called cannot be written, whatever the header says.
        return position < self.first_readonly and self.keys[position] not in PROGRAMS

    @property
    def memo(self) -> str | None:
        """Return the memo as nodes list it: `[length] text`, several joined by `; `."""
        memos = [
            bytes(instruction.data)
            for instruction in self.instructions
            if self.keys[instruction.program_id_index] == MEMO_PROGRAM
        ]
        texts = [f"[{len(memo)}] {memo.decode(errors='replace')}" for memo in memos]
        return "; ".join(texts) or None


def load(raw: bytes) -> Loaded:
    """Parse a transaction; TransactionError("SanitizeFailure") when it is malformed."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception:  # solders raises several unrelated classes
        raise TransactionError("SanitizeFailure") from None
    loaded = Loaded(transaction)
    if len(set(loaded.keys)) != len(loaded.keys):
        raise TransactionError("AccountLoadedTwice")
    if isinstance(loaded.message, MessageV0) and loaded.message.address_table_lookups:
        raise TransactionError("AddressLookupTableNotFound")
    return loaded


def execute(loaded: Loaded, read: Read, clock: Clock) -> Outcome:
    """Run a transaction against the accounts that `read` returns.

    Raises TransactionError when it cannot land at all. A program's refusal is an
    Outcome with an error: it lands, pays its fee and changes nothing else.
    """
    budget = read_budget(loaded.keys, loaded.instructions)
    before = {key: read(key) for key in loaded.keys}
    fee = budget.fee(loaded.signers)
    payer = _charge(before[loaded.keys[0]], fee)
    execution = Execution(before.get, loaded.keys, PROGRAMS, clock, budget.unit_limit)
    execution.changes[loaded.keys[0]] = payer
    error = _run_all(loaded, execution)
    if error is None:
        error = _rent_error(loaded, before, execution)
    changes = {loaded.keys[0]: payer} if error else execution.changes
    return Outcome(
        error=error,
        logs=execution.logs,
        units=execution.units,
        fee=fee,
        inner=execution.inner,
        before=before,
        changes={
            key: account if account.lamports else None
            for key, account in changes.items()
        },
    )


def _charge(payer: Account | None, fee: int) -> Account:
    if payer is None:
        raise TransactionError("AccountNotFound")
    if payer.owner != SYSTEM_PROGRAM or payer.data:
        raise TransactionError("InvalidAccountForFee")
    left = payer.lamports - fee
    if left < 0:
        raise TransactionError("InsufficientFundsForFee")
    if 0 < left < rent_exempt_minimum(0):
        raise TransactionError({"InsufficientFundsForRent": {"account_index": 0}})
    return replace(payer, lamports=left)


def _run_all(loaded: Loaded, execution: Execution) -> Any:
    for instruction in loaded.instructions:
        if loaded.keys[instruction.program_id_index] not in PROGRAMS:
            return "ProgramAccountNotFound"
    for index, instruction in enumerate(loaded.instructions):
        invocation = Invocation(
            execution,
            loaded.keys[instruction.program_id_index],
            [loaded.metas[position] for position in instruction.accounts],
            bytes(instruction.data),
            index,
        )
        try:
            run(invocation)
        except InstructionError as error:
            return {"InstructionError": [index, error.error]}
    return None


def _rent_error(
    loaded: Loaded, before: Mapping[Pubkey, Account | None], execution: Execution
) -> Any:
    """Name the first account that was left with less than its rent, if any."""
    for position, key in enumerate(loaded.keys):
        account = execution.changes.get(key)
        if account is None or account.lamports == 0:
            continue
        was = before[key]
        unchanged = was is not None and was.lamports == account.lamports
        if account.lamports < rent_exempt_minimum(len(account.data)) and not unchanged:
            return {"InsufficientFundsForRent": {"account_index": position}}
    return None
