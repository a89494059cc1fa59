"""The same accounts and the same transactions in an in-process VM and on localnet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders import clock as vm_clock
from solders.account import Account as VmAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import (
    FailedTransactionMetadata,
    SimulatedTransactionInfo,
    TransactionMetadata,
)

from dex.localnet.programs import PROGRAMS
from dex.localnet.real_programs import error_json, inner_calls
from dex.localnet.runtime import Outcome, execute, load
from dex.localnet.slots import SLOTS_PER_EPOCH
from dex.localnet.sysvars import RENT_SYSVAR, sysvar_account
from dex.localnet.transaction_errors import TransactionError
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account, Clock

TransactionResult = (
    TransactionMetadata | SimulatedTransactionInfo | FailedTransactionMetadata
)
FIRST_SLOT = 1_000 * SLOTS_PER_EPOCH
RECENT_SLOTS = 512
UNITS = re.compile(r"(?<= consumed) \d+ of \d+ compute units")
# Where in its source a program gave up.
PANIC = re.compile(r"(?<=SBF program Panicked).*")


@dataclass(frozen=True)
class Ending:
    """How a transaction ended, in one of the two worlds."""

    error: Any
    logs: tuple[str, ...] = ()
    fee: int = 0
    inner: Any = None
    return_data: bytes = b""
    units: int = 0

    def told(self) -> tuple[Any, ...]:
        """Return all that must be equal: the units used are compared elsewhere."""
        if not self.logs:  # nothing ran; the payer's account shows what it paid
            return (self.error,)
        logs = tuple(PANIC.sub("", UNITS.sub("", line)) for line in self.logs)
        return self.error, logs, self.fee, self.inner, self.return_data


class Twins:
    """A VM with the real programs, and localnet's runtime, kept in step."""

    def __init__(self) -> None:
        vm = LiteSVM().with_sigverify(False).with_transaction_history(0)
        # Logs are cut off where a transaction lands, not where it runs.
        self.vm = vm.with_blockhash_check(False).with_log_bytes_limit(None)
        self.here: dict[Pubkey, Account] = {}
        for program in PROGRAMS:
            account = vm.get_account(program)
            if account is not None:
                data = bytes(account.data)
                self.here[program] = Account(account.owner, account.lamports, data)
        self.slot = FIRST_SLOT
        self.advance(1)

    def put(self, address: Pubkey, account: Account) -> None:
        self.here[address] = account
        self.vm.set_account(
            address, VmAccount(account.lamports, account.data, account.owner)
        )

    def advance(self, slots: int) -> None:
        """Move the clock of both worlds."""
        self.slot += slots
        clock = self.clock
        self.vm.set_clock(
            vm_clock.Clock(
                clock.slot, 0, clock.epoch, clock.epoch + 1, clock.unix_timestamp
            )
        )
        recent = range(self.slot - 1, self.slot - 1 - RECENT_SLOTS, -1)
        self.vm.set_slot_hashes([(slot, Hash.default()) for slot in recent])

    @property
    def clock(self) -> Clock:
        return Clock(self.slot, self.slot // SLOTS_PER_EPOCH, self.slot)

    def read(self, address: Pubkey) -> Account | None:
        if address == RENT_SYSVAR:
            return sysvar_account(address, self.clock)
        return self.here.get(address)

    def send(
        self,
        payer: Keypair,
        instructions: Sequence[Instruction],
        tables: Sequence[Any] = (),
    ) -> tuple[Ending, Ending]:
        """Run one transaction in both; return how it ended in the VM, and here."""
        blockhash = self.vm.latest_blockhash()
        message = MessageV0.try_compile(
            payer.pubkey(), list(instructions), list(tables), blockhash
        )
        return self.run(message)

    def run(self, message: MessageV0) -> tuple[Ending, Ending]:
        """Run one message in both; nobody checks its signatures."""
        transaction = unsigned(message)
        ours, outcome = self._run_here(transaction)
        real = _ending_there(self.vm.send_transaction(transaction))
        keys = transaction.message.account_keys
        if outcome is not None:
            self._keep(outcome)
            keys = outcome.loaded.keys
        self.compare(keys, (real, ours))
        return real, ours

    def try_out(self, message: MessageV0) -> tuple[Ending, Ending]:
        """Run one message in both, and leave both as they are."""
        transaction = unsigned(message)
        ours, _ = self._run_here(transaction)
        return _ending_there(self.vm.simulate_transaction(transaction)), ours

    def _run_here(
        self, transaction: VersionedTransaction
    ) -> tuple[Ending, Outcome | None]:
        try:
            loaded = load(bytes(transaction))
            outcome = execute(loaded, self.read, self.clock)
        except TransactionError as error:
            return Ending(error.error), None
        return _ending(outcome), outcome

    def _keep(self, outcome: Outcome) -> None:
        for address, account in outcome.changes.items():
            if account is None:
                self.here.pop(address, None)
            else:
                self.here[address] = account

    def compare(self, addresses: Sequence[Pubkey], endings: Any = ()) -> None:
        """Find every account the same in both worlds, byte for byte."""
        for address in addresses:
            if address in PROGRAMS or address == RENT_SYSVAR:
                continue
            real = self.vm.get_account(address)
            ours = self.here.get(address)
            if real is None or real.lamports == 0:
                assert ours is None, (address, *endings)
                # The VM keeps the data of an account without lamports; no chain does.
                self.vm.set_account(address, VmAccount(0, b"", SYSTEM_PROGRAM))
                continue
            theirs = Account(real.owner, real.lamports, bytes(real.data))
            assert ours == theirs, (address, *endings)


def unsigned(message: MessageV0) -> VersionedTransaction:
    """Return a transaction whose signatures nobody checks; they differ by message."""
    signature = Keypair.from_seed(bytes(32)).sign_message(to_bytes_versioned(message))
    count = message.header.num_required_signatures
    return VersionedTransaction.populate(message, [signature] * count)


def _ending_there(result: TransactionResult) -> Ending:
    if isinstance(result, FailedTransactionMetadata):
        meta, error = result.meta(), error_json(result.err())
    elif isinstance(result, SimulatedTransactionInfo):
        meta, error = result.meta(), None
    else:
        meta, error = result, None
    return Ending(
        error,
        tuple(meta.logs()),
        meta.fee(),
        inner_calls(meta),
        bytes(meta.return_data().data),
        meta.compute_units_consumed(),
    )


def _ending(outcome: Outcome) -> Ending:
    returned = outcome.return_data
    return Ending(
        outcome.error,
        tuple(outcome.logs),
        outcome.fee,
        outcome.inner,
        returned[1] if returned else b"",
        outcome.units,
    )


def system_account(lamports: int) -> Account:
    return Account(SYSTEM_PROGRAM, lamports, b"")
