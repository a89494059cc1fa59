"""What all rules share: the world, how a process goes on, and what may be drawn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from orders.moves import Move

from .gates import Call
from .process import Process
from .quiet import come_to_an_end
from .world import World

T = TypeVar("T")

OVERDUE = (
    "lease_until = now() - interval '1 second', due_at = now() - interval '1 second'"
)
FATES = ("lands", "drops", "drops", "late", "late", "soon", "slips")
MOST_CALLS = 60
# How often a process may do nothing but wait before its turn ends.
MOST_IDLE = 4

# Any index: the rule takes it modulo what there is.
index = st.integers(0, 255)
# What would leave little to happen if it came as often as the rest.
seldom = st.integers(0, 3).map(lambda drawn: drawn == 3)


def has_orders(machine: Base) -> bool:
    return bool(machine.world.orders)


def has_calls(machine: Base) -> bool:
    return bool(machine.world.open_calls())


def point_of(call: Call) -> str:
    """Name a call by what it means to an order, where its own name says too little."""
    if call.moves:
        return f"to {_first_to_save(call.moves).to}"
    return call.name


def _first_to_save(moves: Sequence[Move]) -> Move:
    """Choose the step that saves a transaction, if there is one."""
    return next((move for move in moves if move.opens), moves[0])


def choose(calls: Sequence[Call], order: str) -> Call:
    """Choose which call is answered next: one after another, or some before all others."""
    if order == "last":
        return calls[-1]
    if order == "polls last":
        return next((c for c in calls if c.name != "getSignatureStatuses"), calls[0])
    if order in ("node 0", "node 1"):
        other = 1 - int(order[-1])
        return next((call for call in calls if call.node != other), calls[0])
    return calls[0]


def steps_to_come(world: World) -> list[tuple[Process, Call, Move]]:
    """List the steps that holders are about to write; where one saves, only such."""
    steps = [
        (process, call, _first_to_save(call.moves))
        for process, call in world.open_calls()
        if call.moves and call.outcome is None
    ]
    saves = [step for step in steps if step[2].opens]
    return saves or steps


class Base(RuleBasedStateMachine):
    """Does one thing after another to a world, and holds its promises after each."""

    latest: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        Base.latest = self.world

    def teardown(self) -> None:
        try:
            # Not after a promise was broken: that is what the run has to show.
            if sys.exc_info()[0] is None:
                come_to_an_end(self.world)
        finally:
            self.world.close()

    @invariant()
    def promises(self) -> None:
        self.world.check()

    def one(self, things: Sequence[T], number: int) -> T:
        return things[number % len(things)]

    def process(self, number: int) -> Process:
        return self.one(self.world.processes, number)

    def busy_process(self, number: int) -> Process:
        """Return a process that waits for something, which must be the case for one."""
        process, _ = self.one(self.world.open_calls(), number)
        return process

    def _go_on(self, process: Process, count: int, order: str = "first") -> None:
        idle = 0
        for _ in range(count):
            calls = process.gate.open_calls
            if calls:
                process.finish(choose(calls, order))
            elif process.gate.is_frozen or idle == MOST_IDLE:
                return
            else:
                idle += 1
                self._look_for_work(process)

    def _look_for_work(self, process: Process) -> None:
        """Let a process that only waits do what it does each moment by itself."""
        self.world.loop.pass_time_to_next_timer(most_s=0.5)
        if process.runner.is_idle and not process.gate.open_calls:
            self.world.take_job(process)

    def go_on_to_point(self, process: Process, point: str) -> None:
        for _ in range(MOST_CALLS):
            calls = process.gate.open_calls
            if not calls or any(point_of(call) == point for call in calls):
                return
            self._go_on(process, 1)
