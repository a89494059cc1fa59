"""What can be subscribed to, and what each subscription has to say.

A subscription says nothing by itself: whoever holds it calls `hear` for every commit that
may concern it, and `due` after each commit and each slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any, ClassVar

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet.ledger import Commit
from dex.localnet.methods.encoding import account_json
from dex.localnet.methods.rpc import Options, RpcError
from dex.localnet.node import Node
from dex.localnet.store import Record
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

TOO_LONG = "error: data too large for bs58 encoding"
CLOSED = Account(SYSTEM_PROGRAM, 0, b"")
Matches = Callable[[Account], bool]


class Subscription:
    """One subscription at one node, at one commitment."""

    kind: ClassVar[str]
    # What a commit has to touch to concern this one: an address, a signature, None: any.
    key: Pubkey | str | None = None
    # Set once it has said all that it will ever say.
    is_over = False

    def __init__(self, node: Node, commitment: str) -> None:
        self.node = node
        self.commitment = commitment
        self.slot = node.current_slot(commitment)

    @property
    def waiting(self) -> int:
        """Return how much is held back until its slot has the commitment."""
        return 0

    def hear(self, commit: Commit) -> None:
        """Take note of what a commit made durable."""

    def due(self, slot: int) -> Iterator[Any]:
        """Yield the results to send now that `slot` has the commitment, each once."""
        # A node that began to lag does not take back what it said.
        if slot >= self.slot:
            yield from self._due(slot)
            self.slot = slot

    def _due(self, slot: int) -> Iterator[Any]:
        raise NotImplementedError


class AccountSubscription(Subscription):
    """Every new state of one account; a closed one is an empty account of the system."""

    kind = "account"

    def __init__(self, node: Node, address: Pubkey, options: Options) -> None:
        super().__init__(node, options.commitment())
        check_encoding(options)
        self.key = self._address = address
        self._options = options
        self._last = node.account(address, self.slot)

    def _due(self, slot: int) -> Iterator[Any]:
        account = self.node.account(self._address, slot)
        if account != self._last:
            self._last = account
            value = _shown(self.node, self._address, account, slot, self._options)
            yield _with_slot(slot, value)


class ProgramSubscription(Subscription):
    """Every new state of the accounts that a program owns and the filters let through."""

    kind = "program"

    def __init__(
        self, node: Node, program: Pubkey, options: Options, matches: Matches
    ) -> None:
        super().__init__(node, options.commitment())
        check_encoding(options)
        self._program = program
        self._options = options
        self._matches = matches
        # Oldest first: (slot of the change, address).
        self._changes: dict[tuple[int, Pubkey], None] = {}

    @property
    def waiting(self) -> int:
        return len(self._changes)

    def hear(self, commit: Commit) -> None:
        newest = self.node.ledger.clock.slot()
        for address in commit.accounts:
            account = self.node.ledger.account(address)
            if account is not None and account.owner == self._program:
                self._changes[newest, address] = None

    def _due(self, slot: int) -> Iterator[Any]:
        settled: dict[Pubkey, None] = {}
        for change in list(takewhile(lambda each: each[0] <= slot, self._changes)):
            del self._changes[change]
            settled[change[1]] = None
        for address in settled:
            account = self.node.account(address, slot)
            if account is None or account.owner != self._program:
                continue
            if self._matches(account):
                shown = _shown(self.node, address, account, slot, self._options)
                yield _with_slot(slot, {"account": shown, "pubkey": str(address)})


class LogsSubscription(Subscription):
    """The logs of every transaction, or of those that mention one address."""

    kind = "logs"

    def __init__(self, node: Node, mentioned: Pubkey | None, commitment: str) -> None:
        super().__init__(node, commitment)
        self._mentioned = mentioned
        self._landed: dict[str, Record] = {}

    @property
    def waiting(self) -> int:
        return len(self._landed)

    def hear(self, commit: Commit) -> None:
        for signature in commit.dropped:
            self._landed.pop(signature, None)
        for record in commit.records:
            if self._mentioned is None or self._mentioned in _mentions(record):
                self._landed[record.signature] = record

    def _due(self, slot: int) -> Iterator[Any]:
        landed = self._landed.values()
        for record in list(takewhile(lambda each: each.slot <= slot, landed)):
            del self._landed[record.signature]
            # A transaction that the node hides was never heard of there.
            if self.node.status(record.signature, search_history=False) is not None:
                value = {
                    "signature": record.signature,
                    "err": record.error,
                    "logs": record.meta["logMessages"],
                }
                yield _with_slot(record.slot, value)


class SignatureSubscription(Subscription):
    """How one transaction ended; at once when it has landed already."""

    kind = "signature"

    def __init__(
        self, node: Node, signature: str, commitment: str, *, tells_received: bool
    ) -> None:
        super().__init__(node, commitment)
        self.key = self._signature = signature
        self._tells_received = tells_received

    def _due(self, slot: int) -> Iterator[Any]:
        status = self.node.status(self._signature, search_history=False)
        if status is None:
            return
        if self._tells_received:
            self._tells_received = False
            yield _with_slot(status.slot, "receivedSignature")
        if status.slot <= slot:
            self.is_over = True
            yield _with_slot(slot, {"err": status.error})


def check_encoding(options: Options) -> None:
    """Raise RpcError when accounts cannot be shown in the way that is asked for."""
    account_json(SYSTEM_PROGRAM, CLOSED, options, lambda address: None)


def _with_slot(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"slot": slot}, "value": value}


def _shown(
    node: Node, address: Pubkey, account: Account | None, slot: int, options: Options
) -> Any:
    account = account or CLOSED
    read = partial(node.account, slot=slot)
    try:
        return account_json(address, account, options, read)
    except RpcError:
        # A subscriber is told, and asked for nothing: what HTTP answers with an error
        # is a text in place of the data here.
        shown = account_json(address, replace(account, data=b""), options, read)
        pair = isinstance(shown["data"], list)
        data = [TOO_LONG, "base58"] if pair else TOO_LONG
        return {**shown, "data": data, "space": len(account.data)}


def _mentions(record: Record) -> set[Pubkey]:
    """Return every address that a transaction names, lookup tables included."""
    keys = set(VersionedTransaction.from_bytes(record.raw).message.account_keys)
    looked_up = record.meta["loadedAddresses"]
    for text in (*looked_up["writable"], *looked_up["readonly"]):
        keys.add(Pubkey.from_string(text))
    return keys
