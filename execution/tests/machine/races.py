"""Two database transactions at once: one is stopped halfway, the other comes in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

from .records import Records

PATIENCE_S = 10.0
POLL_S = 0.0005


class Contender:
    """Does some work in a thread with a connection of its own.

    It stops before its statement number `stop_at`, where a COMMIT counts as one; 0 means
    nowhere.
    """

    def __init__(self, work: Callable[[], Any], stop_at: int = 0) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self._work = work
        self._stop_at = stop_at
        self._statements = 0
        self._paused = threading.Event()  # or done
        self._may_go_on = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait_until_stopped(self) -> None:
        assert self._paused.wait(PATIENCE_S), "a contender hangs"

    def wait_until_blocked(self, records: Records) -> None:
        """Wait until it is done, or waits for a lock that the other one holds."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not self.is_done and not records.someone_waits_for_a_lock():
            assert time.monotonic() < give_up_at, "a contender hangs"
            time.sleep(POLL_S)

    def go_on(self) -> None:
        self._may_go_on.set()

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert self.is_done, "a contender hangs"

    def _run(self) -> None:
        own = connections["default"]
        commit = own.commit

        def commit_later() -> None:
            self._count()
            commit()

        own.commit = commit_later  # type: ignore[method-assign]
        try:
            with connection.execute_wrapper(self._count_statement):
                self.result = self._work()
        except Exception as error:
            self.error = error
        finally:
            connection.close()
            self._paused.set()

    def _count_statement(self, execute: Any, *arguments: Any) -> Any:
        self._count()
        return execute(*arguments)

    def _count(self) -> None:
        self._statements += 1
        if self._statements == self._stop_at:
            self._paused.set()
            self._may_go_on.wait(PATIENCE_S)


def race(
    records: Records,
    first: Callable[[], Any],
    second: Callable[[], Any],
    *,
    stop_at: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[Contender, Contender]:
    """Stop `first` halfway, let `second` come as far as it can, then finish both."""
    one = Contender(first, stop_at)
    one.wait_until_stopped()
    try:
        meanwhile()
        other = Contender(second)
        other.wait_until_blocked(records)
    finally:
        one.go_on()
        one.join()
    other.join()
    return one, other
