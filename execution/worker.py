"""An RQ worker that hands order ids to one runner instead of forking for each job."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import redis
from rq import SimpleWorker

from dex.errors import DexError

from .assembly import serve
from .runner import Runner

logger = logging.getLogger(__name__)

# How long a job waits for a runner that has not met the chain yet.
START_TIMEOUT_S = 5.0
# How long a job waits for a free place. By then a keeper takes the order, and a worker
# that is asked to stop while it waits must still drain before it is killed.
TAKE_TIMEOUT_S = 5.0
# Between looks for a Redis that is not there when the worker starts.
REDIS_RETRY_S = 0.5

_current: RunnerThread | None = None


def current_runner() -> RunnerThread | None:
    """Return the runner of this process; None in a stock worker."""
    return _current


class RunnerThread:
    """A Runner on an event loop of its own, beside the worker's blocking loop."""

    def __init__(self, on_fatal: Callable[[BaseException], None]) -> None:
        self._on_fatal = on_fatal
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._runner: Future[Runner] = Future()
        self._thread = threading.Thread(target=self._run, name="runner")
        self._thread.start()

    def take(self, order_id: UUID) -> None:
        """Hand an order over; returns when the runner has a place for it.

        An order that is not handed over waits in PostgreSQL for the keeper.
        """
        try:
            runner = self._runner.result(START_TIMEOUT_S)
        except TimeoutError:
            logger.warning("order %s: the chain was never reachable yet", order_id)
            return
        taking = asyncio.run_coroutine_threadsafe(runner.take(order_id), self._loop)
        try:
            taking.result(TAKE_TIMEOUT_S)
        except TimeoutError:
            taking.cancel()
            logger.warning("order %s: no place became free", order_id)

    def stop(self) -> None:
        """Drain and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(serve("worker", self._carry, self._stopping))
        except Exception as error:
            self._on_fatal(error)
        finally:
            self._loop.close()

    async def _carry(self, runner: Runner) -> None:
        self._runner.set_result(runner)
        await runner.fatal


class OrderWorker(SimpleWorker):
    """`manage.py rqworker orders --worker-class execution.worker.OrderWorker`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _wait_for_redis(kwargs["connection"])
        super().__init__(*args, **kwargs)

    def work(self, *args: Any, **kwargs: Any) -> bool:
        global _current
        self._fatal: BaseException | None = None
        _current = RunnerThread(self._die)
        try:
            return super().work(*args, **kwargs)
        finally:
            _current.stop()
            _current = None
            if self._fatal is not None:
                raise SystemExit(f"The worker stopped: {self._fatal}")

    def _die(self, error: BaseException) -> None:
        """Stop the blocking loop of the main thread: the runner cannot go on."""
        self._fatal = error
        # An error of the outside world says all in its message; a bug needs its trace.
        trace = None if isinstance(error, DexError) else error
        logger.error("the runner stopped: %s", error, exc_info=trace)
        os.kill(os.getpid(), signal.SIGTERM)


def _wait_for_redis(connection: redis.Redis) -> None:
    """Return once Redis answers: RQ would end the process, again at each restart.

    Meanwhile keepers carry all orders. A signal ends the process as if nothing waited.
    """
    is_said = False
    while True:
        try:
            connection.ping()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if not is_said:
                logger.warning("waiting for Redis: %s", error)
            is_said = True
            time.sleep(REDIS_RETRY_S)
        else:
            return
