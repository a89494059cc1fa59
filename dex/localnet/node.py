"""One address of the chain: the shared ledger, as this node sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from solders.hash import Hash
from solders.pubkey import Pubkey

from dex.types import Account

from .ledger import Ledger, Status
from .methods.rpc import MIN_CONTEXT_SLOT_NOT_REACHED, Options, RpcError
from .runtime import Loaded, Outcome
from .store import Record

if TYPE_CHECKING:
    from .network import Network


@dataclass
class Node:
    """Whatever methods and sockets read goes through here, so that a node may lie."""

    network: Network
    index: int
    delay_s: float = 0.0

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    def current_slot(self, commitment: str) -> int:
        """Return this node's newest slot at processed, confirmed or finalized."""
        return self.ledger.clock.slot_for(commitment)

    def commitment_of(self, slot: int) -> str:
        """Say how settled a transaction of `slot` is in this node's eyes."""
        return self.ledger.clock.commitment_of(slot)

    def slot(self, options: Options, name: str = "commitment") -> int:
        """Return the slot to answer from; an error when it is behind `minContextSlot`."""
        slot = self.current_slot(options.commitment(name))
        wanted = options.number("minContextSlot")
        if wanted is not None and slot < wanted:
            raise RpcError(
                MIN_CONTEXT_SLOT_NOT_REACHED,
                "Minimum context slot has not been reached",
                {"contextSlot": slot},
            )
        return slot

    def account(self, address: Pubkey, slot: int) -> Account | None:
        """Return an account as of the end of `slot`."""
        return self.ledger.account(address, slot)

    def owned_by(self, program: Pubkey, slot: int) -> Iterator[tuple[Pubkey, Account]]:
        """Iterate over the accounts of one program as of `slot`."""
        yield from self.ledger.bank.owned_by(program, slot)

    def status(self, signature: str, *, search_history: bool) -> Status | None:
        """Return where a transaction landed; old ones only when history is searched."""
        return self.ledger.status(signature, search_history=search_history)

    def transaction(self, signature: str, *, newest_slot: int) -> Record | None:
        """Return a transaction that landed in `newest_slot` or before."""
        record = self.ledger.store.transaction(signature)
        return None if record is None or record.slot > newest_slot else record

    def mentioning(
        self,
        address: Pubkey,
        *,
        before: str | None,
        until: str | None,
        newest_slot: int,
        limit: int,
    ) -> list[Record]:
        """Return transactions that mention `address`, newest first."""
        return self.ledger.store.mentioning(
            address, before=before, until=until, newest_slot=newest_slot, limit=limit
        )

    def blockhash_slot(self, slot: int) -> int:
        """Return the slot whose blockhash is this node's newest as of `slot`."""
        return slot

    def is_blockhash_valid(self, blockhash: Hash, slot: int) -> bool:
        """Say whether a transaction with this blockhash may land in `slot`."""
        return self.ledger.clock.is_blockhash_valid(blockhash, slot)

    def check(self, loaded: Loaded, slot: int) -> None:
        """Raise TransactionError unless the transaction is new and not too old."""
        self.ledger.check(loaded, slot)

    def dry_run(self, loaded: Loaded, slot: int) -> Outcome:
        """Execute without keeping anything, on the accounts of `slot`."""
        return self.ledger.dry_run(loaded, slot)

    def submit(self, raw: bytes, loaded: Loaded) -> None:
        """Take a transaction for landing."""
        self.ledger.submit(raw, loaded)

    def ws_silent(self) -> bool:
        """Say whether this node's WebSocket sends nothing at this moment."""
        return False
