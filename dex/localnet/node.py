"""One address of the chain: the shared ledger, as this node sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from solders.hash import Hash
from solders.pubkey import Pubkey

from dex.types import Account

from .faults.registry import Fault, Faults
from .faults.rules import Rule
from .ledger import Ledger, Status
from .methods.rpc import (
    INTERNAL_ERROR,
    MIN_CONTEXT_SLOT_NOT_REACHED,
    Options,
    RpcError,
)
from .runtime import Loaded, Outcome
from .slots import MAX_BLOCKHASH_AGE
from .store import Record
from .transaction_errors import TransactionError

if TYPE_CHECKING:
    from .network import Network


@dataclass
class Node:
    """Whatever methods and sockets read goes through here, so that a node may lie."""

    network: Network
    index: int
    # How the answer to the body at hand is lost once all of it is done: a kind of fault.
    lost_answer: str | None = None

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def faults(self) -> Faults:
        return self.network.faults

    def current_slot(self, commitment: str) -> int:
        """Return this node's newest slot at processed, confirmed or finalized."""
        clock = self.ledger.clock
        lag = self.faults.slots("lag", self.index, clock.slot())
        return clock.slot_for(commitment) - lag

    def commitment_of(self, slot: int) -> str:
        """Say how settled a transaction of `slot` is in this node's eyes."""
        return self.ledger.clock.commitment_of(slot, self.current_slot("processed"))

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

    def every_account(self, slot: int) -> Iterator[tuple[Pubkey, Account]]:
        """Iterate over all accounts as of `slot`."""
        yield from self.ledger.bank.every(slot)

    def status(self, signature: str, *, search_history: bool) -> Status | None:
        """Return where a transaction landed; old ones only when history is searched."""
        status = self.ledger.status(signature, search_history=search_history)
        if status is None or status.slot > self.current_slot("processed"):
            return None
        return None if self._hides(signature) else status

    def transaction(self, signature: str, *, newest_slot: int) -> Record | None:
        """Return a transaction that landed in `newest_slot` or before."""
        record = self.ledger.store.history.transaction(signature)
        if record is None or record.slot > newest_slot or self._hides(signature):
            return None
        return record

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
        found: list[Record] = []
        while len(found) < limit:
            page = self.ledger.store.history.mentioning(
                address,
                before=before,
                until=until,
                newest_slot=newest_slot,
                limit=limit - len(found),
            )
            if not page:
                break
            found += [each for each in page if not self._hides(each.signature)]
            before = page[-1].signature
        return found

    def landed_in(self, slot: int) -> list[Record]:
        """Return the transactions of one slot, in the order in which they landed."""
        records = self.ledger.store.history.landed_in(slot)
        return [record for record in records if not self._hides(record.signature)]

    def transaction_count(self, slot: int) -> int:
        """Return how many transactions have landed in `slot` and before."""
        return self.ledger.store.history.count(slot)

    def blockhash_slot(self, slot: int) -> int:
        """Return the slot whose blockhash is this node's newest as of `slot`."""
        return min(slot, self._newest_blockhash_slot())

    def is_blockhash_valid(self, blockhash: Hash, slot: int) -> bool:
        """Say whether a transaction with this blockhash may land in `slot`."""
        clock = self.ledger.clock
        hashed = clock.blockhash_slot(blockhash)
        if hashed is None or hashed > self._newest_blockhash_slot():
            return False
        return clock.is_blockhash_valid(blockhash, slot)

    def check(self, loaded: Loaded, slot: int) -> None:
        """Raise TransactionError unless, to this node, it is new and not too old."""
        if self.status(loaded.signature, search_history=False) is not None:
            raise TransactionError("AlreadyProcessed")
        if not self.is_blockhash_valid(loaded.blockhash, slot):
            raise TransactionError("BlockhashNotFound")

    def dry_run(self, loaded: Loaded, slot: int) -> Outcome:
        """Execute without keeping anything, on the accounts of `slot`."""
        return self.ledger.dry_run(loaded, slot)

    def submit(self, raw: bytes, loaded: Loaded) -> None:
        """Take a transaction: it lands, unless a fault delays or drops it.

        Raises RpcError when a fault answers with one, after it has landed.
        """
        index, signature = self.index, loaded.signature
        slips = self.faults.chosen("programError", index, signature) is not None
        late = self.faults.chosen("landLate", index, signature)
        if not self.faults.drops(index, signature):
            if late is None:
                self.ledger.land(raw, loaded, slips=slips)
            else:
                lands_at = self._lands_at(late.rule, loaded)
                self.ledger.land_later(raw, loaded, lands_at, slips=slips)
        struck = self.faults.strike("errorAfterLanding", index)
        if struck is not None:
            self._lose_answer(struck)

    def ws_silent(self) -> bool:
        """Say whether this node's WebSocket sends nothing at this moment."""
        slot = self.ledger.clock.slot()
        return self.faults.chosen("silentSocket", self.index, str(slot)) is not None

    def _hides(self, signature: str) -> bool:
        return self.faults.chosen("hide", self.index, signature) is not None

    def _lands_at(self, rule: Rule, loaded: Loaded) -> float:
        clock = self.ledger.clock
        if not rule.until_last_valid:
            return clock.now() + rule.delay_s
        hashed = clock.blockhash_slot(loaded.blockhash)
        # An unknown blockhash cannot land, whenever it is tried.
        return clock.time_of(0 if hashed is None else hashed + MAX_BLOCKHASH_AGE)

    def _lose_answer(self, fault: Fault) -> None:
        """Answer one call with an error, or lose the answer to the whole body."""
        way = fault.rng.choice(("error", "serverError", "reset"))
        if way == "error":
            raise RpcError(INTERNAL_ERROR, "Internal error")
        self.lost_answer = way

    def _newest_blockhash_slot(self) -> int:
        slot = self.current_slot("processed")
        return slot - self.faults.slots("unknownBlockhash", self.index, slot)
