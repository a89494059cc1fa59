"""Time passes, the chain moves, and nodes misbehave."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from . import lies
from .base import FATES, OVERDUE, Base, has_orders, index, seldom

TROUBLES = (*lies.KINDS, "lags", "heals")


class ChainRules(Base):
    """Slots, forks, lies, leases and deadlines."""

    @precondition(has_orders)
    @rule(number=index)
    def lease_runs_out(self, number: int) -> None:
        self.world.records.shift(self.one(self.world.orders, number), OVERDUE)

    @precondition(has_orders)
    @rule(number=index, happens=seldom)
    def deadline_passes(self, number: int, happens: bool) -> None:
        if happens:
            order_id = self.one(self.world.orders, number)
            past = "deadline = now() - interval '1 second'"
            self.world.records.shift(order_id, past)

    @rule(seconds=st.sampled_from((0.5, 3, 20, 100)))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(slots=st.sampled_from((1, 2, 3, 40, 149, 150, 200)))
    def chain_moves(self, slots: int) -> None:
        self.world.move_chain(slots)

    @rule(fate=st.sampled_from(FATES))
    def network_does(self, fate: str) -> None:
        """Give what is sent from now on this fate."""
        self.world.door.fate = fate

    @rule(slots=st.integers(1, 3), again=st.sampled_from((1, 10, 140, 1_000)))
    def fork(self, slots: int, again: int) -> None:
        self.world.chain.fork(slots, again)

    @rule()
    def others_trade(self) -> None:
        for _ in range(3):
            self.world.chain.trade()

    @rule(node=st.integers(0, 1), trouble=st.sampled_from(TROUBLES))
    def node_trouble(self, node: int, trouble: str) -> None:
        """Let the liar lie, any node lag, or all be well again."""
        chain = self.world.chain
        faults = chain.network.faults
        if trouble in lies.KINDS:
            chain.lies.kind = trouble
        elif trouble == "lags":
            faults.switch(f"lag {node}", {"kind": "lag", "node": node, "slots": 40})
        else:
            chain.lies.kind = ""
            faults.clear()
