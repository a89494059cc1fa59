"""Every account of the ledger, with the versions that older slots still need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from solders.pubkey import Pubkey

from dex.types import Account


@dataclass(frozen=True, slots=True)
class Version:
    """An account's state from the slot that wrote it until one replaced it."""

    address: Pubkey
    written: int
    replaced: int
    account: Account | None


@dataclass
class Changes:
    """What changed since it was last taken, for the file."""

    newest: list[tuple[Pubkey, Account | None]]
    replaced: list[Version]
    # Of these `replaced` holds every state: those in the file are outdated.
    adjusted: list[Pubkey]


@dataclass
class _Unsaved:
    newest: set[Pubkey] = field(default_factory=set)
    replaced: dict[Pubkey, list[Version]] = field(default_factory=dict)
    adjusted: set[Pubkey] = field(default_factory=set)


class Bank:
    """Accounts by address; a read names the slot whose state it wants.

    States that were replaced are kept for `kept_slots`, so that reads at a commitment
    see the state of its slot and a fork can take back what is not confirmed.
    """

    def __init__(
        self,
        accounts: Iterable[tuple[Pubkey, Account]],
        replaced: Iterable[Version] = (),
        *,
        kept_slots: int,
    ) -> None:
        self._kept_slots = kept_slots
        # Oldest first, each with the slot that wrote it.
        self._versions: dict[Pubkey, list[tuple[int, Account | None]]] = {}
        # Those with more than one version.
        self._moving: set[Pubkey] = set()
        self._unsaved = _Unsaved()
        written: dict[Pubkey, int] = {}
        for version in sorted(replaced, key=lambda version: version.written):
            self._append(version.address, version.written, version.account)
            written[version.address] = version.replaced
        newest = dict(accounts)
        for address in newest.keys() | written.keys():
            self._append(address, written.get(address, 0), newest.get(address))

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
            versions = self._versions.setdefault(address, [(0, None)])
            written, before = versions[-1]
            if written == slot:
                versions[-1] = (slot, account)
            else:
                self._unsaved.replaced.setdefault(address, []).append(
                    Version(address, written, slot, before)
                )
                self._append(address, slot, account)
                self._forget(address, slot - self._kept_slots)
            self._unsaved.newest.add(address)

    def put(self, address: Pubkey, account: Account | None) -> None:
        """Set an account at all commitments at once, and for good."""
        self.adjust(address, lambda _: account)

    def adjust(
        self, address: Pubkey, change: Callable[[Account | None], Account | None]
    ) -> None:
        """Change every kept state of an account: at all commitments at once, and for good.

        Whatever a fork takes back, the change stays.
        """
        kept = self._versions.get(address, [(0, None)])
        changed = [(written, change(account)) for written, account in kept]
        if changed == kept:
            return
        self._versions[address] = changed
        self._unsaved.newest.add(address)
        self._unsaved.adjusted.add(address)
        self._unsaved.replaced[address] = [
            Version(address, written, replaced, account)
            for (written, account), (replaced, _) in pairwise(changed)
        ]

    def roll_back(self, slot: int) -> None:
        """Return to the state at the end of `slot`; adjustments stay."""
        for address in list(self._moving):
            versions = self._versions[address]
            if versions[-1][0] <= slot:
                continue
            while versions[-1][0] > slot:
                del versions[-1]
            if len(versions) == 1:
                self._moving.discard(address)
            self._unsaved.newest.add(address)
        for address, replaced in self._unsaved.replaced.items():
            self._unsaved.replaced[address] = [
                version for version in replaced if version.replaced <= slot
            ]

    def forget_before(self, slot: int) -> None:
        """Free the versions that no read can reach: no slot before `slot` is asked."""
        for address in list(self._moving):
            self._forget(address, slot)

    def owned_by(self, program: Pubkey, slot: int) -> Iterable[tuple[Pubkey, Account]]:
        """Iterate over the accounts of one program as of `slot`."""
        for address, account in self.every(slot):
            if account.owner == program:
                yield address, account

    def every(self, slot: int) -> Iterable[tuple[Pubkey, Account]]:
        """Iterate over all accounts as of `slot`."""
        for address in self._versions:
            account = self.get(address, slot)
            if account is not None:
                yield address, account

    def take_unsaved(self) -> Changes:
        """Return what changed since the last call."""
        unsaved, self._unsaved = self._unsaved, _Unsaved()
        return Changes(
            [(address, self.get(address)) for address in unsaved.newest],
            [each for replaced in unsaved.replaced.values() for each in replaced],
            list(unsaved.adjusted),
        )

    def _append(self, address: Pubkey, slot: int, account: Account | None) -> None:
        versions = self._versions.setdefault(address, [])
        versions.append((slot, account))
        if len(versions) > 1:
            self._moving.add(address)

    def _forget(self, address: Pubkey, slot: int) -> None:
        versions = self._versions[address]
        while len(versions) > 1 and versions[1][0] <= slot:
            del versions[0]
        if len(versions) == 1:
            self._moving.discard(address)
            if versions[0][1] is None:
                del self._versions[address]
