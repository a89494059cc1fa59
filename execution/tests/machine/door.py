"""What is checked when a call takes effect: at the chain's door, and at each write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from dex.localnet.runtime import load
from orders import events
from orders.models import TERMINAL
from orders.moves import Move

from .chain import Chain, memo_text, sent_bytes
from .gates import Call
from .promises import hold
from .records import Records

READS = (
    *("read_all_held", "read_live_attempt", "_want_all", "sign_all"),
    *("unhappy_end", "_read"),
)


class Door:
    """Stands before the chain: whatever is sent must have been saved before."""

    def __init__(self, chain: Chain, records: Records) -> None:
        self.chain = chain
        self._records = records
        # What becomes of the next transaction that is sent.
        self.fate = "lands"

    def take(self, node: int, body: Any) -> Any:
        if body["method"] != "sendTransaction":
            return self.chain.answer(node, body)
        self._check_sent(sent_bytes(body))
        return self.chain.send(node, body, self.fate)

    def _check_sent(self, raw: bytes) -> None:
        loaded = load(raw)
        memo = memo_text(loaded.memo)
        order_id = UUID(memo.partition(":")[0])
        attempts = self._records.attempts_of(order_id)
        own = [each for each in attempts if each.signature == loaded.signature]
        hold("sent_is_saved", bool(own), f"{memo} was sent and is not in the table")
        hold("saved_bytes_are_sent", own[0].raw_transaction == raw, memo)
        saved = f"{order_id}:{own[0].number}"
        hold("memo_names_the_attempt", memo == saved, f"{memo} was sent for {saved}")
        # A holder that wakes late may send what is dead already: that harms nobody.
        if self.chain.can_land(raw):
            check_others_are_dead(self.chain, attempts, own[0].number)


def check_others_are_dead(chain: Chain, attempts: Iterable[Any], own: int) -> None:
    """Hold that no other transaction of the order can land, by the ledger's own word."""
    for other in attempts:
        hold(
            "only_one_can_land",
            other.number == own or not chain.can_land(other.raw_transaction),
            f"{other.order_id}: attempt {other.number} can still land beside {own}",
        )


class Writes:
    """Watches each database call of a process: who may write, and what it claims."""

    def __init__(self, chain: Chain, records: Records) -> None:
        self._chain = chain
        self._records = records
        # What took effect so far, for whoever looks at a broken promise.
        self.log: list[str] = []

    def carry_out(
        self, call: Call, owner: str, perform: Callable[[], None] | None = None
    ) -> None:
        """Perform a database call, and hold that it was allowed to."""
        if call.name in READS:
            call.perform()
            return
        before = self._records.orders()
        (perform or call.perform)()
        self.note()
        after = self._records.orders()
        self.check_claims(before, after, owner)
        for move in call.counted:
            self.check_move(move, before)

    def note(self) -> None:
        """Note that something may have been written; wait until its hints have left."""
        self._records.changed()
        assert events.flush(5), "the hints did not leave in time"

    def check_claims(
        self, before: Mapping[UUID, Any], after: Mapping[UUID, Any], owner: str
    ) -> None:
        for order_id, order in after.items():
            old = before.get(order_id)
            if old is None or order.fence == old.fence or order.lease_owner != owner:
                continue
            hold(
                "claimed_only_when_free",
                not old.is_leased and old.status not in TERMINAL,
                f"{order_id} by {owner}, while {old.lease_owner} held it",
            )

    def check_move(self, move: Move, before: Mapping[UUID, Any]) -> None:
        """Hold that a step that counted was its author's to make, and was true."""
        order_id = move.order_id
        hold(
            "only_the_newest_fence_writes",
            move.fence is None or before[order_id].fence == move.fence,
            f"{order_id}: {move.to} by {move.fence}, fence {before[order_id].fence}",
        )
        attempts = self._records.attempts_of(order_id)
        if move.opens is not None:
            check_others_are_dead(self._chain, attempts, move.opens.number)
        if move.closes is not None and move.closes.state != "landed":
            check_others_are_dead(self._chain, attempts, own=0)
