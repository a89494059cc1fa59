"""What one run of the benchmark does: its shape, its size, and the house it runs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

LIVE, AFTER = "live", "after"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Sizes that a shape does not need are 0."""

    shape: str
    orders: int = 3_000
    # Orders (for `post` and `burst`: requests) in flight at any time.
    concurrency: int = 100
    rate_per_s: float = 0.0
    # Shared sockets, or idle ones.
    sockets: int = 0
    # Clients that read lists of orders meanwhile.
    readers: int = 0
    # Whether an order's events are heard as they happen, or read once all have ended.
    follow: str = LIVE
    # Orders before the clock starts; they are not counted.
    warmup: int = 100
    # Ended orders between two looks at CPU and memory on the way; 0: none.
    every: int = 0
    # How long idle sockets are held.
    hold_s: float = 10.0
    seed: int = 1
    all_pairs: bool = False
    # The house.
    web_processes: int = 2
    workers: int = 1
    keepers: int = 1
    landing_delay_s: float = 0.0
    slots_to_confirm: int = 0
    orders_in_flight: int = 2_000

    def written(self) -> dict[str, Any]:
        return asdict(self)


# The table of docs/performance.md; options of the command change single members.
SHAPES: Mapping[str, Plan] = {
    plan.shape: plan
    for plan in (
        Plan("sockets"),
        Plan("shared", sockets=4),
        Plan("post", follow=AFTER),
        Plan("burst", orders=1_000, concurrency=100, landing_delay_s=2.5),
        Plan("unloaded", orders=200, concurrency=1, warmup=20),
        Plan("open", rate_per_s=100.0),
        Plan("lists", readers=4),
        Plan("soak", orders=50_000, warmup=1_000, every=5_000),
        Plan(
            "idle",
            orders=5_000,
            sockets=5_000,
            follow=AFTER,
            warmup=0,
            web_processes=1,
            # Nobody carries the orders that the sockets follow: they stay open.
            workers=0,
            keepers=0,
        ),
    )
}
# What each of them does, in the help of the command.
LOADS: Mapping[str, str] = {
    "sockets": "POST, then a WebSocket of its own for each order",
    "shared": "orders and their events over a few sockets",
    "post": "POST alone; the events are read after all orders ended",
    "burst": "all orders at one moment, each then followed",
    "unloaded": "one order at a time",
    "open": "as sockets, at random moments, --rate a second on average",
    "lists": "as sockets, with clients that read lists of orders",
    "soak": "as sockets, with many orders: do CPU and memory stay flat?",
    "idle": "sockets that follow orders on which nothing happens",
}
# What the targets are set for.
TARGETS = ("sockets", "shared", "post", "burst", "unloaded", "idle")


def planned(shape: str, **changes: Any) -> Plan:
    """Return the plan of a shape with what is not None changed."""
    return replace(
        SHAPES[shape], **{name: v for name, v in changes.items() if v is not None}
    )
