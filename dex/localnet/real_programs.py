"""Run programs as their operators dumped them from a real chain, inside LiteSVM.

A folder holds `<program id>.so` files. A transaction that calls one of these programs
runs as a whole in the VM: with localnet's accounts and clock, and its own fee and checks.
One that also calls a program which only localnet has runs on localnet's own as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from solders.account import Account as VmAccount
from solders.clock import Clock as VmClock
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata
from solders.transaction_status import TransactionErrorFieldless

from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account, Clock

from .programs import BPF_LOADER, PROGRAMS
from .programs.invocation import NATIVE_PROGRAMS, rent_exempt_minimum
from .runtime import Begun, Loaded, Outcome, Read, begin, execute

ELF = b"\x7fELF"
RECENT_SLOTS = 512


class ProgramsUnusable(Exception):
    """The folder of programs cannot be used; the message says why."""


class RealPrograms:
    """A VM that is kept warm, with the programs of a folder."""

    def __init__(self, programs: Mapping[Pubkey, bytes]) -> None:
        vm = LiteSVM().with_sigverify(False).with_blockhash_check(False)
        self._vm = vm.with_transaction_history(0).with_log_bytes_limit(None)
        self._slot = -1
        # What the VM holds: simulating changes nothing there.
        self._held: dict[Pubkey, Account | None] = {}
        self.programs = frozenset(programs)
        # The venues, unless they were dumped.
        self._only_ours = {
            program
            for program in PROGRAMS.keys() - self.programs
            if self._vm.get_account(program) is None
        }
        for program, elf in programs.items():
            try:
                self._vm.add_program(program, elf)
            except Exception as error:  # solders does not export its class
                raise ProgramsUnusable(
                    f"{program}.so cannot run in LiteSVM: {error}."
                ) from None

    @classmethod
    def load(cls, folder: Path) -> RealPrograms:
        """Read every `<program id>.so` of a folder. Raises ProgramsUnusable."""
        if not folder.is_dir():
            raise ProgramsUnusable(
                f"{folder} is not a folder. Dump programs into it with "
                "`solana program dump PROGRAM_ID PROGRAM_ID.so`."
            )
        programs = {_program_id(path): _elf(path) for path in folder.glob("*.so")}
        if not programs:
            raise ProgramsUnusable(f"{folder} holds no <program id>.so file.")
        return cls(programs)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """Iterate over the accounts that make these addresses programs on localnet."""
        data = b"localnet"
        account = Account(BPF_LOADER, rent_exempt_minimum(len(data)), data)
        return ((program, account) for program in self.programs)

    def execute(self, loaded: Loaded, read: Read, clock: Clock) -> Outcome:
        """Run a transaction here if it calls one of these programs and the VM has the rest.

        Raises TransactionError when it cannot land at all.
        """
        keys = loaded.static_keys
        called = {keys[each.program_id_index] for each in loaded.instructions}
        if not called & self.programs or called & self._only_ours:
            return execute(loaded, read, clock)
        begun = begin(loaded, read, clock)
        self._set_clock(clock)
        self._put(begun, read)
        result = self._vm.simulate_transaction(loaded.transaction)
        if isinstance(result, FailedTransactionMetadata):
            payer = {begun.loaded.keys[0]: begun.payer}
            return _outcome(begun, result.meta(), error_json(result.err()), payer)
        changes = {
            address: _account(account) for address, account in result.post_accounts()
        }
        writable = {meta.pubkey for meta in begun.loaded.metas if meta.is_writable}
        changed = {key: changes[key] for key in begun.loaded.keys if key in writable}
        return _outcome(begun, result.meta(), None, changed)

    def _set_clock(self, clock: Clock) -> None:
        self._vm.set_clock(
            VmClock(clock.slot, 0, clock.epoch, clock.epoch + 1, clock.unix_timestamp)
        )
        if clock.slot != self._slot:
            self._slot = clock.slot
            oldest = max(0, clock.slot - RECENT_SLOTS)
            recent = range(clock.slot - 1, oldest - 1, -1)
            self._vm.set_slot_hashes([(slot, Hash.default()) for slot in recent])

    def _put(self, begun: Begun, read: Read) -> None:
        """Give the VM the accounts of a transaction, and its lookup tables."""
        accounts = dict(begun.before)
        message = begun.loaded.message
        if isinstance(message, MessageV0):
            for lookup in message.address_table_lookups:
                accounts[lookup.account_key] = read(lookup.account_key)
        for address, account in accounts.items():
            if address in self._held and self._held[address] is account:
                continue
            if self._is_its_own(address):
                continue
            self._held[address] = account
            given = account or Account(SYSTEM_PROGRAM, 0, b"")
            self._vm.set_account(
                address, VmAccount(given.lamports, given.data, given.owner)
            )

    def _is_its_own(self, address: Pubkey) -> bool:
        """Say whether the VM has this account itself: a program or a sysvar."""
        if address in self._held:
            return False
        held = self._vm.get_account(address)
        return held is not None and (
            held.executable or str(address).startswith("Sysvar")
        )


def _outcome(
    begun: Begun,
    meta: TransactionMetadata,
    error: Any,
    changes: Mapping[Pubkey, Account | None],
) -> Outcome:
    returned = meta.return_data()
    return Outcome(
        loaded=begun.loaded,
        error=error,
        logs=list(meta.logs()),
        units=meta.compute_units_consumed(),
        fee=meta.fee(),
        inner=inner_calls(meta),
        before=begun.before,
        changes=changes,
        return_data=(
            (returned.program_id, bytes(returned.data)) if returned.data else None
        ),
    )


def inner_calls(meta: TransactionMetadata) -> dict[int, list[dict[str, Any]]]:
    """Return the calls that programs made, by the index of the instruction."""
    calls: dict[int, list[dict[str, Any]]] = {}
    for index, made in enumerate(meta.inner_instructions()):
        for call in made:
            instruction = call.instruction()
            calls.setdefault(index, []).append(
                {
                    "programIdIndex": instruction.program_id_index,
                    "accounts": list(instruction.accounts),
                    "data": bytes(instruction.data),
                    "stackHeight": call.stack_height(),
                }
            )
    return calls


def error_json(error: Any) -> Any:
    """Return an error of the VM in the JSON shape that nodes show."""
    if isinstance(error, TransactionErrorFieldless):
        return str(error).partition(".")[2]
    name = type(error).__name__.removeprefix("TransactionError")
    value = json.loads(error.to_json())
    if name == "InstructionError":
        index, inner = value
        return {name: [index, {"Custom": inner} if isinstance(inner, int) else inner]}
    return {name: value}


def _account(account: VmAccount) -> Account | None:
    if account.lamports == 0:
        return None
    return Account(account.owner, account.lamports, bytes(account.data))


def _program_id(path: Path) -> Pubkey:
    try:
        program = Pubkey.from_string(path.stem)
    except ValueError:
        raise ProgramsUnusable(
            f"{path.name} is not named after a program: call it <program id>.so."
        ) from None
    if program in NATIVE_PROGRAMS:
        raise ProgramsUnusable(
            f"{path.name} is a native program, which is no file: remove it."
        )
    return program


def _elf(path: Path) -> bytes:
    try:
        elf = path.read_bytes()
    except OSError as error:
        raise ProgramsUnusable(f"{path} cannot be read: {error.strerror}.") from None
    if not elf.startswith(ELF):
        raise ProgramsUnusable(
            f"{path.name} is not a program (ELF). Dump it with "
            f"`solana program dump {path.stem} {path.name}`."
        )
    return elf
