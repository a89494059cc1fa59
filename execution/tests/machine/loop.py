"""An event loop whose time stands still until the machine moves it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# Timers due so soon are part of the same moment.
MOMENT_S = 0.01


class StillLoop(asyncio.SelectorEventLoop):
    """Runs what can run, and returns as soon as everything waits.

    Between two moments no loop is running, so that whoever drives it may block.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 1_000.0
        # Who is woken a little early, as asyncio allows, would wait again for ever.
        self._clock_resolution = 0.0
        # What asyncio itself keeps of callbacks and timers; it tells nobody otherwise.
        self._ready: Collection[asyncio.Handle]
        self._scheduled: Collection[asyncio.TimerHandle]

    def time(self) -> float:
        return self._now

    def settle(self) -> None:
        """Run until every task waits for the outside or for time to pass."""
        while True:
            if self._ready:
                self.call_soon(self._stop_when_idle)
                self.run_forever()
            due = self._next_timer()
            if due is None or due > self._now + MOMENT_S:
                return
            self._run_timers(due)

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass at once: each timer within it fires, and fires late."""
        self._run_timers(self._now + seconds)
        self.settle()

    def pass_time_to_next_timer(self, *, most_s: float) -> None:
        """Let time pass until something happens by itself, `most_s` at most."""
        due = self._next_timer()
        wait_s = most_s if due is None else min(most_s, due - self._now)
        self.pass_time(max(wait_s, 0.0))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what waits for nobody outside, and return its result."""
        task = self.create_task(work)
        self.settle()
        return task.result()

    def end(self) -> None:
        """Cancel whatever is left, and close."""
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        while not all(task.done() for task in left):
            self.settle()
            # A task may have to be asked twice: it can wait again while it ends.
            for task in left:
                task.cancel()
        for task in left:
            if not task.cancelled():
                task.exception()
        self.close()

    def _stop_when_idle(self) -> None:
        if self._ready:
            self.call_soon(self._stop_when_idle)
        else:
            self.stop()

    def _run_timers(self, until: float) -> None:
        self._now = max(self._now, math.nextafter(until, math.inf))
        # One turn moves the timers that are due to what is ready.
        self.call_soon(self.stop)
        self.run_forever()

    def _next_timer(self) -> float | None:
        timers = (timer for timer in self._scheduled if not timer.cancelled())
        return min((timer.when() for timer in timers), default=None)
