"""Programs in files, as operators dump them, and what they wrote."""

from __future__ import annotations

from pathlib import Path

from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from dex.localnet.real_programs import ELF
from dex.localnet.runtime import Outcome
from dex.types import Account

# Behind this header an upgradeable program's data account holds its ELF.
PROGRAM_DATA_HEADER = 45


def dump(program: Pubkey, folder: Path) -> None:
    """Write a program that the VM bundles to a file, as an operator dumps one."""
    vm = LiteSVM()
    account = vm.get_account(program)
    assert account is not None
    data = bytes(account.data)
    if not data.startswith(ELF):
        held = vm.get_account(Pubkey(data[4:36]))
        assert held is not None
        data = bytes(held.data)[PROGRAM_DATA_HEADER:]
    (folder / f"{program}.so").write_bytes(data)


def written(outcome: Outcome) -> dict[Pubkey, Account | None]:
    """Return the accounts that are not as they were."""
    return {
        address: account
        for address, account in outcome.changes.items()
        if account != outcome.before[address]
    }
