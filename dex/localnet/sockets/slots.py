"""Subscriptions to the progress of the chain itself: slots and roots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from dex.localnet.node import Node

from .subscriptions import Subscription

# After a jump of the clock only the newest slots are told one by one.
MOST_SLOTS_AT_ONCE = 32


class SlotSubscription(Subscription):
    """Every new slot, with its parent and the newest root."""

    kind = "slot"

    def __init__(self, node: Node) -> None:
        super().__init__(node, "processed")

    def _due(self, slot: int) -> Iterator[Any]:
        behind = slot - self.node.current_slot("finalized")
        for new in _new_slots(self.slot, slot):
            yield {"parent": new - 1, "root": new - behind, "slot": new}


class RootSubscription(Subscription):
    """Every slot that became final."""

    kind = "root"

    def __init__(self, node: Node) -> None:
        super().__init__(node, "finalized")

    def _due(self, slot: int) -> Iterator[Any]:
        yield from _new_slots(self.slot, slot)


class SlotsUpdatesSubscription(Subscription):
    """The steps of every slot: begun, complete, confirmed, final."""

    kind = "slotsUpdates"

    def __init__(self, node: Node) -> None:
        super().__init__(node, "processed")

    def _due(self, slot: int) -> Iterator[Any]:
        timestamp_ms = time.time_ns() // 1_000_000
        confirmed = slot - self.node.current_slot("confirmed")
        final = slot - self.node.current_slot("finalized")
        for new in _new_slots(self.slot, slot):
            steps: list[dict[str, Any]] = [
                {"type": "completed", "slot": new - 1},
                {"type": "createdBank", "slot": new, "parent": new - 1},
                {"type": "optimisticConfirmation", "slot": new - confirmed},
                {"type": "root", "slot": new - final},
            ]
            for step in steps:
                yield {**step, "timestamp": timestamp_ms}


def _new_slots(last: int, newest: int) -> range:
    return range(max(last + 1, newest + 1 - MOST_SLOTS_AT_ONCE), newest + 1)
