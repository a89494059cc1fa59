"""What Redis does with hints, and when sockets are cut."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .base import Base, index

LOSSES = ("flushed", "away", "back")


class HintRules(Base):
    """Hints are lost, repeated and reordered; clients connect again."""

    @rule(what=st.sampled_from(LOSSES))
    def redis_trouble(self, what: str) -> None:
        layer = self.world.layer
        if what == "flushed":
            self.world.jobs.flush()
            layer.messages.clear()
        else:
            layer.is_away = what == "away"

    @rule(
        number=index, keep=st.booleans(), reads=st.integers(0, 2), fails=st.booleans()
    )
    def hint(self, number: int, keep: bool, reads: int, fails: bool) -> None:
        """Let a hint arrive, in any order, perhaps again later; the hub may read."""
        layer = self.world.layer
        if layer.messages:
            layer.deliver(number % len(layer.messages), keep=keep)
            self.world.loop.settle()
        for _ in range(reads):
            self.world.web.read(fails=fails)

    @rule(number=index, restarts=st.booleans())
    def reconnect(self, number: int, restarts: bool) -> None:
        """Let one client connect again, or all of them to a new process."""
        web = self.world.web
        if restarts:
            web.restart()
        elif web.clients:
            web.reconnect(self.one(web.clients, number))
