"""A time limit for waits of which hardly any lasts."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Patience:
    """Raises TimeoutError out of a `with` block that takes longer than `limit_s`.

    For many blocks of one task, one after the other. `asyncio.timeout` sets and cancels a
    timer for each, which costs more than most blocks; this keeps one timer for all of
    them, which looks now and then at the block of that moment. `end()` gives it up.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._began_at: float | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._began_at = loop.time()
        if self._timer is None:
            self._task = asyncio.current_task()
            self._timer = loop.call_later(self._limit_s, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._began_at = None
        if not self._is_over:
            return
        self._is_over = False
        assert self._task is not None
        # Somebody else may have cancelled the task as well: then it stays cancelled.
        if not self._task.uncancel() and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        began_at = now if self._began_at is None else self._began_at
        if now - began_at < self._limit_s:
            self._timer = loop.call_at(began_at + self._limit_s, self._look)
            return
        assert self._task is not None
        self._timer = None
        self._is_over = True
        self._task.cancel()
