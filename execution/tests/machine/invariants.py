"""What must hold at every moment, whatever happened: each promise by its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from uuid import UUID

from orders.models import TERMINAL, TRANSITIONS, Status

from .chain import Chain, memo_text
from .promises import hold
from .records import Records, Rows

UNHAPPY = (Status.FAILED, Status.CANCELLED, Status.EXPIRED)


class Invariants:
    """Compares rows and ledger with each other, and with what was seen before."""

    def __init__(self, chain: Chain, records: Records) -> None:
        self._chain = chain
        self._records = records
        self._fences: dict[UUID, int] = {}
        self._floors: dict[UUID, Any] = {}
        # Orders whose cancel was answered with success.
        self.cancelled: set[UUID] = set()

    def check(self) -> Rows:
        """Raise Violation unless all of it holds now."""
        rows = self._records.rows()
        swaps = self._swaps(rows)
        for order_id, order in rows.orders.items():
            self._check_history(order, rows.events[order_id])
            self._check_attempts(order, rows.attempts[order_id])
            self._check_swaps(order, swaps[order_id])
            self._check_columns(order)
        return rows

    def _swaps(self, rows: Rows) -> Mapping[UUID, list[str]]:
        """Return the signatures of what swapped, by the order that its memo names."""
        swaps: dict[UUID, list[str]] = defaultdict(list)
        saved = {
            attempt.signature: attempt
            for attempts in rows.attempts.values()
            for attempt in attempts
        }
        for signature, record in self._chain.landed.items():
            memo = memo_text(record.memo)
            if memo.startswith("market:"):
                continue
            attempt = saved.get(signature)
            hold("landed_is_saved", attempt is not None, f"{signature} ({memo})")
            assert attempt is not None
            own = f"{attempt.order_id}:{attempt.number}"
            hold("memo_names_the_attempt", memo == own, f"{memo} landed for {own}")
            if record.error is None:
                swaps[attempt.order_id].append(signature)
        return swaps

    def _check_history(self, order: Any, events: list[Any]) -> None:
        numbers = [event.sequence for event in events]
        hold(
            "history_has_no_gap",
            numbers == list(range(1, order.last_sequence + 1)),
            f"{order.id}: {numbers}, last is {order.last_sequence}",
        )
        statuses = [Status(event.status) for event in events]
        for old, new in pairwise(statuses):
            hold("moves_are_legal", new in TRANSITIONS[old], f"{order.id}: {statuses}")
        hold(
            "history_ends_with_the_status",
            statuses[0] == Status.PENDING and statuses[-1] == order.status,
            f"{order.id} is {order.status}: {statuses}",
        )
        ends = [status for status in statuses if status in TERMINAL]
        hold("one_end", len(ends) <= 1, f"{order.id}: {statuses}")

    def _check_attempts(self, order: Any, attempts: list[Any]) -> None:
        live = [each.number for each in attempts if each.state == "live"]
        expected = [order.live_attempt] if order.live_attempt else []
        hold(
            "one_live_attempt",
            live == expected,
            f"{order.id}: live {live}, order says {expected}",
        )
        for attempt in attempts:
            hold(
                "attempts_keep_the_floor",
                attempt.min_amount_out >= order.min_amount_out,
                f"{order.id}:{attempt.number}",
            )

    def _check_swaps(self, order: Any, swaps: list[str]) -> None:
        hold("swapped_at_most_once", len(swaps) <= 1, f"{order.id}: {swaps}")
        if order.status == Status.CONFIRMED:
            hold("confirmed_has_swapped", len(swaps) == 1, order.id)
            hold(
                "fill_keeps_the_floor", order.amount_out >= order.min_amount_out, order
            )
        elif order.status in UNHAPPY:
            hold("unhappy_has_not_swapped", not swaps, f"{order.id} is {order.status}")
        if order.id in self.cancelled:
            hold("cancel_answered_means_no_swap", not swaps, order.id)
            hold("cancel_answered_means_cancelled", order.status == "cancelled", order)

    def _check_columns(self, order: Any) -> None:
        fence = self._fences.get(order.id, 0)
        hold("fence_never_decreases", order.fence >= fence, f"{order.id}: {fence}")
        self._fences[order.id] = order.fence
        floor = self._floors.get(order.id)
        hold(
            "floor_never_moves",
            floor is None or order.min_amount_out == floor,
            f"{order.id}: {floor} became {order.min_amount_out}",
        )
        self._floors[order.id] = order.min_amount_out
