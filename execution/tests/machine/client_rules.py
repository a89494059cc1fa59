"""What clients do: place, repeat and cancel."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from .base import FATES, Base, has_calls, has_orders, index, seldom, steps_to_come

PAIRS = (("A", "B"), ("B", "A"), ("RAY", "SOL"), ("SOL", "RAY"))
KEYS = ("k1", "k2")
AMOUNTS = (10**6, 50_000_000, 2_000 * 10**6)
# Before which statement one of two transactions stops, its COMMIT counted.
statement = st.integers(1, 6)


class ClientRules(Base):
    """Orders come and go."""

    @initialize(
        pair=st.sampled_from(PAIRS), fate=st.sampled_from(FATES), liar=st.integers(0, 1)
    )
    def begin(self, pair: tuple[str, str], fate: str, liar: int) -> None:
        self.world.chain.lies.liar = liar
        self.world.door.fate = fate
        self.world.place("k0", self.world.request(pair, 50_000_000, 100))

    @rule(
        key=st.sampled_from(KEYS),
        pair=st.sampled_from(PAIRS),
        amount=st.sampled_from(AMOUNTS),
        slippage=st.sampled_from((100, 1_000)),
    )
    def submit(
        self, key: str, pair: tuple[str, str], amount: int, slippage: int
    ) -> None:
        self.world.place(key, self.world.request(pair, amount, slippage))

    @precondition(has_orders)
    @rule(number=index)
    def repeat(self, number: int) -> None:
        key, (_, request) = self.one(list(self.world.placed.items()), number)
        self.world.place(key, request)

    @rule(pair=st.sampled_from(PAIRS), stop_at=statement, happens=seldom)
    def submit_twice_at_once(
        self, pair: tuple[str, str], stop_at: int, happens: bool
    ) -> None:
        if happens:
            request = self.world.request(pair, 50_000_000, 100)
            self.world.race_places("k3", request, stop_at)

    @precondition(has_calls)
    @rule(number=index, cancel_first=st.booleans(), stop_at=statement)
    def cancel_at_once(self, number: int, cancel_first: bool, stop_at: int) -> None:
        """Cancel an order while its holder is in the midst of a step, best of its save."""
        self.go_on_to_point(self.busy_process(number), "to submitted")
        steps = steps_to_come(self.world)
        if steps:
            process, call, move = self.one(steps, number)
            self.world.race_cancel(
                process, call, move.order_id, cancel_first=cancel_first, stop_at=stop_at
            )

    @precondition(has_orders)
    @rule(number=index, happens=seldom)
    def cancel(self, number: int, happens: bool) -> None:
        if happens:
            self.world.cancel(self.one(self.world.orders, number))
