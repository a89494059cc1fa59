"""What workers and keepers do, and what happens to them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .base import OVERDUE, Base, has_calls, index

ORDERS = ("first", "first", "last", "polls last", "polls last", "node 0", "node 1")
POINTS = (
    "to building",
    "to submitted",
    "sendTransaction",
    "getEpochInfo",
    "to routing",
)
many = st.integers(10, 60)


class ProcessRules(Base):
    """Processes claim, go on, crash, freeze and wake."""

    @rule(number=index, count=many)
    def work(self, number: int, count: int) -> None:
        """Let a worker take a job and go on for a while."""
        process = self.process(number)
        self.world.take_job(process)
        self._go_on(process, count)

    @rule(number=index, count=many)
    def keep(self, number: int, count: int) -> None:
        """Let a keeper make a round and go on for a while."""
        process = self.process(number)
        process.make_round()
        self._go_on(process, count)

    @precondition(has_calls)
    @rule(number=index)
    def step(self, number: int) -> None:
        """Let any call take effect and its answer arrive."""
        process, call = self.one(self.world.open_calls(), number)
        process.finish(call)

    @precondition(has_calls)
    @rule(
        number=index,
        count=many,
        order=st.sampled_from(ORDERS),
        slots=st.sampled_from((0, 0, 1, 40, 200)),
    )
    def go_on(self, number: int, count: int, order: str, slots: int) -> None:
        """Let one process go on by many calls, whichever are answered before others.

        `slots` pass between what it asked before and the first answer.
        """
        process = self.busy_process(number)
        if slots:
            self.world.move_chain(slots)
        self._go_on(process, count, order)

    @precondition(has_calls)
    @rule(number=index, point=st.sampled_from(POINTS))
    def go_on_to(self, number: int, point: str) -> None:
        """Let one process go on until a call of this kind is next."""
        self.go_on_to_point(self.busy_process(number), point)

    @precondition(has_calls)
    @rule(number=index, count=many)
    def prove_in_the_last_slot(self, number: int, count: int) -> None:
        """Let a transaction land at the end of its life, in the midst of a proof."""
        process = self.busy_process(number)
        self.world.door.fate = "late"
        self.go_on_to_point(process, "getEpochInfo")
        self.world.move_chain(200)
        self._go_on(process, count, "polls last")

    @rule(count=many)
    def all_go_on(self, count: int) -> None:
        """Let every process go on in turn, and slots pass meanwhile."""
        for turn in range(count):
            for process in self.world.processes:
                self._go_on(process, 1)
            if turn % 8 == 7:
                self.world.move_chain(1)

    @precondition(has_calls)
    @rule(number=index, took_effect=st.booleans())
    def lose(self, number: int, took_effect: bool) -> None:
        """Lose a call, or its answer only."""
        process, call = self.one(self.world.open_calls(), number)
        if took_effect:
            process.perform(call)
        process.lose(call)

    @precondition(has_calls)
    @rule(number=index)
    def hold_answer(self, number: int) -> None:
        """Let a call take effect, and its answer arrive some other time."""
        process, call = self.one(self.world.open_calls(), number)
        process.perform(call)

    @precondition(has_calls)
    @rule(number=index, took_effect=st.booleans())
    def crash(self, number: int, took_effect: bool) -> None:
        """Let a process die at a call: before it, or before it learns of its effect."""
        process, call = self.one(self.world.open_calls(), number)
        if took_effect:
            process.perform(call)
        self.world.crash(process)

    @rule(number=index, is_late=st.booleans())
    def freeze_or_wake(self, number: int, is_late: bool) -> None:
        """Stop a process where it is, or let it go on: within its leases, or after them."""
        gate = self.process(number).gate
        gate.is_frozen = not gate.is_frozen
        if gate.is_frozen and is_late:
            for order_id in self.world.orders:
                self.world.records.shift(order_id, OVERDUE)

    @rule(number=index)
    def stop(self, number: int) -> None:
        """Stop a process as a deployment does, and start another one."""
        process = self.process(number)
        process.stop()
        self._go_on(process, 3)
        self.world.crash(process)
