"""What a program sees while it runs: its accounts, its data, and calls to other programs."""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .account_changes import check_change
from .execution import Execution

logger = logging.getLogger(__name__)

# Native programs run inside the node and log no compute units.
NATIVE_PROGRAMS = frozenset(
    {
        SYSTEM_PROGRAM,
        Pubkey.from_string("ComputeBudget111111111111111111111111111111"),
    }
)
CALL_UNITS = 946
MAX_DEPTH = 5
# What the logs say of programs that did not end by themselves.
OUT_OF_UNITS = "exceeded CUs meter at BPF instruction"
BROKEN = "localnet's own program broke; see the log of localnet"


def rent_exempt_minimum(data_length: int) -> int:
    """Return the least lamports an account of this size must hold."""
    return (128 + data_length) * 6_960


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
            self._settle(meta, before, account)
        else:
            self.written.setdefault(meta.pubkey, before)
        self.execution.changes[meta.pubkey] = account

    def check_written(self) -> None:
        """Refuse what this program was not allowed to write, in the order of accounts."""
        if not self.written:
            return
        for meta in self.accounts:
            before = self.written.pop(meta.pubkey, None)
            if before is not None:
                self._settle(meta, before, self.execution.account(meta.pubkey))

    def log(self, text: str) -> None:
        self.execution.logs.append(f"Program log: {text}")

    def log_data(self, data: bytes) -> None:
        self.execution.logs.append(f"Program data: {_base64(data)}")

    def give_back(self, data: bytes) -> None:
        """Set the return data, which callers and simulations read."""
        self.execution.return_data = (self.program, data)

    def consume(self, units: int) -> None:
        """Use compute units; ComputationalBudgetExceeded beyond the limit.

        Only native programs tell it so: any other is stopped as `run_out` says.
        """
        if not self.execution.spend(units):
            if self.program in NATIVE_PROGRAMS:
                raise InstructionError("ComputationalBudgetExceeded")
            raise self.run_out()

    def run_out(self) -> InstructionError:
        """Use all units that are left, and return the error of a program stopped so."""
        self.execution.units = self.execution.unit_limit
        return InstructionError("ProgramFailedToComplete", OUT_OF_UNITS)

    def call(
        self,
        program: Pubkey,
        accounts: Sequence[AccountMeta],
        data: bytes,
        *,
        signed_by: Collection[Pubkey] = (),
    ) -> None:
        """Call another program; `signed_by` are addresses derived from this program."""
        if not self.execution.spend(CALL_UNITS):
            raise InstructionError("ComputationalBudgetExceeded")
        self.check_written()
        for meta in accounts:
            self._check_privileges(meta, signed_by)
        if program not in self._rights:
            self.execution.logs.append(f"Unknown program {program}")
            raise InstructionError("MissingAccount")
        if self.depth == MAX_DEPTH:
            raise InstructionError("CallDepth")
        self.execution.count_instruction()
        keys = self.execution.keys
        self.execution.inner.setdefault(self.index, []).append(
            {
                "programIdIndex": keys.index(program),
                "accounts": [keys.index(meta.pubkey) for meta in accounts],
                "data": data,
                "stackHeight": self.depth + 1,
            }
        )
        called = Invocation(
            self.execution, program, accounts, data, self.index, self.depth + 1
        )
        try:
            run(called)
        except InstructionError as error:
            # The caller fails with the same error, but not with the other's own words.
            raise InstructionError(error.error) from error

    def _settle(self, meta: AccountMeta, before: Account, after: Account) -> None:
        self.execution.resize(len(before.data), len(after.data))
        check_change(self.program, meta, before, after)

    def _check_privileges(
        self, wanted: AccountMeta, signed_by: Collection[Pubkey]
    ) -> None:
        address = wanted.pubkey
        if address not in self._rights:
            raise InstructionError("MissingAccount")
        writable, signed = self._rights[address]
        if wanted.is_writable and not writable:
            kind = "writable"
        elif wanted.is_signer and not (signed or address in signed_by):
            kind = "signer"
        else:
            return
        self.execution.logs.append(f"{address}'s {kind} privilege escalated")
        raise InstructionError("PrivilegeEscalation")

    @cached_property
    def _rights(self) -> dict[Pubkey, tuple[bool, bool]]:
        """Whether each account may be written, and has signed, wherever it is named."""
        rights: dict[Pubkey, tuple[bool, bool]] = {}
        for meta in self.accounts:
            writable, signed = rights.get(meta.pubkey, (False, False))
            rights[meta.pubkey] = writable or meta.is_writable, signed or meta.is_signer
        return rights

    def _meta(self, position: int) -> AccountMeta:
        try:
            return self.accounts[position]
        except IndexError:
            raise InstructionError("NotEnoughAccountKeys") from None


def run(invocation: Invocation) -> None:
    """Run one program with the log lines that real nodes write around it."""
    execution, program = invocation.execution, invocation.program
    logs = execution.logs
    logs.append(f"Program {program} invoke [{invocation.depth}]")
    used_before = execution.units
    execution.return_data = None
    try:
        _process(invocation)
        invocation.check_written()
    except InstructionError as error:
        _log_units(invocation, used_before)
        logs.append(f"Program {program} failed: {error}")
        raise
    _log_units(invocation, used_before)
    logs.append(f"Program {program} success")


def _process(invocation: Invocation) -> None:
    """Run a program; a bug of localnet's own fails the transaction, not the chain."""
    program = invocation.program
    try:
        invocation.execution.programs[program](invocation)
    except InstructionError:
        raise
    except Exception:
        logger.exception("Program %s broke on %s.", program, invocation.data.hex())
        raise InstructionError("ProgramFailedToComplete", BROKEN) from None


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
