"""What a program sees while it runs: its accounts, its data, and calls to other programs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account, Clock

# Native programs run inside the node and log no compute units.
NATIVE_PROGRAMS = frozenset(
    {
        SYSTEM_PROGRAM,
        Pubkey.from_string("ComputeBudget111111111111111111111111111111"),
    }
)
CALL_UNITS = 946
MAX_DEPTH = 5

Program = Callable[["Invocation"], None]


def rent_exempt_minimum(data_length: int) -> int:
    """Return the least lamports an account of this size must hold."""
    return (128 + data_length) * 6_960


@dataclass
class Execution:
    """One transaction while it runs: the accounts it changed, its logs and its units."""

    read: Callable[[Pubkey], Account | None]
    keys: Sequence[Pubkey]
    programs: Mapping[Pubkey, Program]
    clock: Clock
    unit_limit: int
    # What each program costs for a heap larger than usual.
    heap_units: int = 0
    changes: dict[Pubkey, Account] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    units: int = 0
    # What a program returned last, and which one it was.
    return_data: tuple[Pubkey, bytes] | None = None
    # Calls that programs made, by the index of the transaction's instruction.
    inner: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def account(self, address: Pubkey) -> Account:
        """Return an account's state now; one that does not exist is empty."""
        changed = self.changes.get(address)
        if changed is not None:
            return changed
        return self.read(address) or Account(SYSTEM_PROGRAM, 0, b"")


@dataclass
class Invocation:
    """One program called with accounts and data, by a transaction or by a program."""

    execution: Execution
    program: Pubkey
    accounts: Sequence[AccountMeta]
    data: bytes
    index: int
    depth: int = 1
    # Accounts that this program wrote, as they were before; checked when it ends.
    written: dict[Pubkey, Account] = field(default_factory=dict)

    def address(self, position: int) -> Pubkey:
        """Return the address at a position; NotEnoughAccountKeys when there is none."""
        return self._meta(position).pubkey

    def account(self, position: int) -> Account:
        return self.execution.account(self.address(position))

    def is_signer(self, position: int) -> bool:
        return self._meta(position).is_signer

    def require_signer(self, position: int) -> Pubkey:
        """Return the address; MissingRequiredSignature when it did not sign."""
        if not self.is_signer(position):
            raise InstructionError("MissingRequiredSignature")
        return self.address(position)

    def write(self, position: int, account: Account) -> None:
        """Change an account; the runtime checks when the program ends or calls another.

        A native program is checked at once.
        """
        meta = self._meta(position)
        before = self.execution.account(meta.pubkey)
        if self.program in NATIVE_PROGRAMS:
            check_change(self.program, meta, before, account)
        else:
            self.written.setdefault(meta.pubkey, before)
        self.execution.changes[meta.pubkey] = account

    def check_written(self) -> None:
        """Refuse what this program was not allowed to write, in the order of accounts."""
        for meta in self.accounts:
            before = self.written.pop(meta.pubkey, None)
            if before is not None:
                now = self.execution.account(meta.pubkey)
                check_change(self.program, meta, before, now)

    def log(self, text: str) -> None:
        self.execution.logs.append(f"Program log: {text}")

    def log_data(self, data: bytes) -> None:
        self.execution.logs.append(f"Program data: {_base64(data)}")

    def give_back(self, data: bytes) -> None:
        """Set the return data, which callers and simulations read."""
        self.execution.return_data = (self.program, data)

    def consume(self, units: int) -> None:
        """Use compute units; ComputationalBudgetExceeded beyond the limit."""
        execution = self.execution
        execution.units += units
        if execution.units > execution.unit_limit:
            execution.units = execution.unit_limit
            raise InstructionError("ComputationalBudgetExceeded")

    def call(
        self,
        program: Pubkey,
        accounts: Sequence[AccountMeta],
        data: bytes,
        *,
        signed_by: Collection[Pubkey] = (),
    ) -> None:
        """Call another program; `signed_by` are addresses derived from this program."""
        self.consume(CALL_UNITS)
        self.check_written()
        if all(meta.pubkey != program for meta in self.accounts):
            self.execution.logs.append(f"Unknown program {program}")
            raise InstructionError("MissingAccount")
        if self.depth == MAX_DEPTH:
            raise InstructionError("CallDepth")
        for meta in accounts:
            self._check_privileges(meta, signed_by)
        keys = self.execution.keys
        self.execution.inner.setdefault(self.index, []).append(
            {
                "programIdIndex": keys.index(program),
                "accounts": [keys.index(meta.pubkey) for meta in accounts],
                "data": data,
                "stackHeight": self.depth + 1,
            }
        )
        run(
            Invocation(
                self.execution, program, accounts, data, self.index, self.depth + 1
            )
        )

    def _check_privileges(
        self, wanted: AccountMeta, signed_by: Collection[Pubkey]
    ) -> None:
        held = [meta for meta in self.accounts if meta.pubkey == wanted.pubkey]
        if not held:
            raise InstructionError("MissingAccount")
        signed = wanted.pubkey in signed_by or any(meta.is_signer for meta in held)
        writable = any(meta.is_writable for meta in held)
        for kind, escalates in (
            ("writable", wanted.is_writable > writable),
            ("signer", wanted.is_signer > signed),
        ):
            if escalates:
                text = f"{wanted.pubkey}'s {kind} privilege escalated"
                self.execution.logs.append(text)
                raise InstructionError("PrivilegeEscalation")

    def _meta(self, position: int) -> AccountMeta:
        if position >= len(self.accounts):
            raise InstructionError("NotEnoughAccountKeys")
        return self.accounts[position]


def check_change(
    program: Pubkey, meta: AccountMeta, before: Account, after: Account
) -> None:
    """Refuse a change as the runtime does: only its owner changes an account's data or
    takes its lamports, and only if the account is writable.
    """
    owned = before.owner == program
    if after.lamports != before.lamports:
        if after.lamports < before.lamports and not owned:
            raise InstructionError("ExternalAccountLamportSpend")
        if not meta.is_writable:
            raise InstructionError("ReadonlyLamportChange")
    if after.data != before.data:
        if not meta.is_writable:
            raise InstructionError("ReadonlyDataModified")
        if not owned:
            raise InstructionError("ExternalAccountDataModified")
    if after.owner != before.owner and not (
        owned and meta.is_writable and not any(after.data)
    ):
        raise InstructionError("ModifiedProgramId")


def run(invocation: Invocation) -> None:
    """Run one program with the log lines that real nodes write around it."""
    execution, program = invocation.execution, invocation.program
    logs = execution.logs
    logs.append(f"Program {program} invoke [{invocation.depth}]")
    used_before = execution.units
    execution.return_data = None
    try:
        execution.programs[program](invocation)
        invocation.check_written()
    except InstructionError as error:
        _log_units(invocation, used_before)
        logs.append(f"Program {program} failed: {error}")
        raise
    _log_units(invocation, used_before)
    logs.append(f"Program {program} success")


def _log_units(invocation: Invocation, used_before: int) -> None:
    if invocation.program in NATIVE_PROGRAMS:
        return
    execution = invocation.execution
    execution.logs.append(
        f"Program {invocation.program} consumed {execution.units - used_before} "
        f"of {execution.unit_limit - used_before} compute units"
    )
    execution.units += execution.heap_units
    returned = execution.return_data
    if returned is not None and returned[1]:
        execution.logs.append(
            f"Program return: {invocation.program} {_base64(returned[1])}"
        )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
