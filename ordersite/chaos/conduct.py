"""The course of a run: phase after phase under load, then waiting for the last order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Protocol

from dex.localnet.slots import MAX_BLOCKHASH_AGE, SLOTS_TO_FINALIZE

from .faults import Phase

STEP_S = 0.1
# What a signed transaction needs at most to be proved dead, in slots.
DEATH_SLOTS = MAX_BLOCKHASH_AGE + SLOTS_TO_FINALIZE
# An order may need three attempts; leases, back-off and resting endpoints beside that.
ATTEMPTS, MARGIN_S = 3, 60.0


class AnyLoad(Protocol):
    """What places orders: Load or PacedLoad."""

    @property
    def asked_for(self) -> int: ...
    def step(self, phase: str) -> int: ...
    def finish(self, phase: str) -> None: ...
    def open_orders(self) -> int: ...


def quiet_within_s(slot_time_s: float) -> float:
    """Return how long after the last fault every order must have ended."""
    return chain_s(slot_time_s) + MARGIN_S


def chain_s(slot_time_s: float) -> float:
    """Return how long the chain alone may keep an order: each attempt dies unseen."""
    return ATTEMPTS * DEATH_SLOTS * slot_time_s


def conduct(
    phases: Sequence[Phase],
    load: AnyLoad,
    *,
    quiet_s: float,
    watch: Callable[[], None],
    say: Callable[[str], None],
    is_over: Callable[[], bool] = lambda: True,
) -> float | None:
    """Run the phases; return how long the last order took to end, None when it did not.

    `watch` is called at every step, to look after the processes. After the phases the
    last strikes are waited for: until `is_over`, or as long as the orders may take.
    """
    for phase in phases:
        before, left = load.asked_for, []
        for trouble in phase.troubles:
            trouble.begin()
        try:
            ends_at = time.monotonic() + phase.seconds
            while time.monotonic() < ends_at:
                watch()
                left.append(load.step(phase.name))
                time.sleep(STEP_S)
        finally:
            for trouble in phase.troubles:
                trouble.end()
        if phase is phases[-1]:
            load.finish(phase.name)
        asked_for = load.asked_for - before
        in_flight = mean(left[1:] or [0])
        say(f"{phase.name}: {asked_for} orders asked for, {in_flight:.0f} in flight")
    give_up_at = time.monotonic() + quiet_s
    while not is_over() and time.monotonic() < give_up_at:
        watch()
        time.sleep(STEP_S)
    return _wait_for_quiet(load, quiet_s, watch)


def _wait_for_quiet(
    load: AnyLoad, quiet_s: float, watch: Callable[[], None]
) -> float | None:
    began = time.monotonic()
    while load.open_orders():
        if time.monotonic() > began + quiet_s:
            return None
        watch()
        time.sleep(STEP_S)
    return time.monotonic() - began
