"""A Runner on an event loop of its own, beside a thread that blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from uuid import UUID

from .assembly import serve
from .runner import Runner

# Between looks whether the thread still runs, while something is waited for.
LOOK_S = 1.0


class RunnerStopped(Exception):
    """The runner's thread has ended, so it takes no order any more."""


class RunnerThread:
    """Opens a runner as soon as the chain can be met, and carries orders until stop()."""

    def __init__(self, on_fatal: Callable[[BaseException], None]) -> None:
        self._on_fatal = on_fatal
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._runner: Future[Runner] = Future()
        self._thread = threading.Thread(target=self._run, name="runner")
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether no order is carried now."""
        return not self._runner.done() or self._runner.result().is_idle

    @property
    def is_full(self) -> bool:
        """Whether no order fits now; there is no place before the chain was met."""
        return not (self._runner.done() and self._runner.result().free_places)

    def free_places(self, wait_s: float) -> int:
        """Return how many orders fit now; wait up to `wait_s` for the first place.

        There is none before the chain was met.
        """
        try:
            runner = self._runner.result(wait_s)
        except TimeoutError:
            return 0
        if not runner.free_places:
            waiting = asyncio.run_coroutine_threadsafe(runner.place_free(), self._loop)
            try:
                waiting.result(wait_s)
            except TimeoutError:
                waiting.cancel()
        return runner.free_places

    def hand_over(self, orders: Collection[tuple[UUID, str]]) -> None:
        """Hand over no more orders than there are free places, as take_all() has them.

        They are claimed at once, in the background. Raises RunnerStopped.
        """
        if not orders:
            return
        taking = asyncio.run_coroutine_threadsafe(
            self._runner.result().take_all(orders), self._loop
        )
        while True:
            try:
                return taking.result(LOOK_S)
            except TimeoutError:
                if not self._thread.is_alive():
                    raise RunnerStopped from None

    @property
    def pause_s(self) -> float:
        """How long more jobs may gather before the next are taken."""
        return self._runner.result().engine.batches.pause_s()

    def stop(self) -> None:
        """Drain and end the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(serve("worker", self._carry, self._stopping))
        except Exception as error:
            self._on_fatal(error)

    async def _carry(self, runner: Runner) -> None:
        self._runner.set_result(runner)
        await runner.fatal
