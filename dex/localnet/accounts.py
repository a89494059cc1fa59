"""Every account of the ledger, with the versions that younger commitments still need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from solders.pubkey import Pubkey

from dex.types import Account

from .slots import SLOTS_TO_FINALIZE


class Bank:
    """Accounts by address; a read names the slot whose state it wants."""

    def __init__(self, accounts: Iterable[tuple[Pubkey, Account]]) -> None:
        # Oldest version first. After a restart the stored version counts as old.
        self._versions: dict[Pubkey, list[tuple[int, Account | None]]] = {
            address: [(0, account)] for address, account in accounts
        }
        self.unsaved: set[Pubkey] = set()

    def get(self, address: Pubkey, slot: int | None = None) -> Account | None:
        """Return an account as of the end of `slot` (None: now)."""
        versions = self._versions.get(address)
        if versions is None:
            return None
        if slot is None:
            return versions[-1][1]
        for written, account in reversed(versions):
            if written <= slot:
                return account
        return None

    def write(self, slot: int, changes: Mapping[Pubkey, Account | None]) -> None:
        """Set accounts as of `slot`; None deletes."""
        for address, account in changes.items():
            versions = self._versions.setdefault(address, [])
            if versions and versions[-1][0] == slot:
                versions[-1] = (slot, account)
            else:
                versions.append((slot, account))
            while len(versions) > 1 and versions[1][0] <= slot - SLOTS_TO_FINALIZE:
                del versions[0]
            self.unsaved.add(address)

    def replace(self, changes: Mapping[Pubkey, Account | None]) -> None:
        """Set accounts by decree: at once, whatever the commitment of the reader."""
        for address, account in changes.items():
            self._versions[address] = [(0, account)]
            self.unsaved.add(address)

    def owned_by(self, program: Pubkey, slot: int) -> Iterable[tuple[Pubkey, Account]]:
        """Iterate over the accounts of one program as of `slot`."""
        for address in self._versions:
            account = self.get(address, slot)
            if account is not None and account.owner == program:
                yield address, account

    def take_unsaved(self) -> list[tuple[Pubkey, Account | None]]:
        """Return the newest version of what changed since the last call."""
        changed = [(address, self.get(address)) for address in self.unsaved]
        self.unsaved.clear()
        return changed
