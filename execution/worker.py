"""An RQ worker that hands order ids to one runner instead of forking for each job."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress

import redis
from rq.defaults import DEFAULT_LOGGING_DATE_FORMAT, DEFAULT_LOGGING_FORMAT
from rq.worker import DequeueStrategy, WorkerStatus

from dex.errors import DexError
from orders.job_template import JOB

from .job_batches import JobBatches, TakenJob
from .runner_thread import RunnerStopped, RunnerThread
from .steady_worker import WAIT_S, SteadyWorker

logger = logging.getLogger(__name__)

REFUSED = (
    f"Refused: this worker carries out orders and nothing else. The job does not call {JOB} "
    "with one order id. Put jobs of other functions on a queue of their own, and start a "
    "stock `manage.py rqworker` for it."
)


class OrderWorker(SteadyWorker):
    """`manage.py rqworker orders --worker-class execution.worker.OrderWorker`.

    Takes as many jobs at once as the runner has free places. A job is over once the
    runner has its order: from then on the claim in PostgreSQL carries it.
    """

    _fatal: BaseException | None = None

    def work(
        self,
        burst: bool = False,
        logging_level: str | None = None,
        date_format: str = DEFAULT_LOGGING_DATE_FORMAT,
        log_format: str = DEFAULT_LOGGING_FORMAT,
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        dequeue_strategy: DequeueStrategy = DequeueStrategy.DEFAULT,
    ) -> bool:
        """Hand jobs over until a signal, or what the options say, ends it.

        Returns whether there was any job. Raises SystemExit for options that it does
        not serve, and for an error that the runner cannot go on after.
        """
        self._check_options(with_scheduler=with_scheduler)
        self.bootstrap(logging_level, date_format, log_format)
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        self._batches = JobBatches(
            self.queues[0], worker_key=self.key, worker_name=self.name
        )
        self._runner = RunnerThread(self._die)
        try:
            taken = self._take_jobs(burst, max_jobs, max_idle_time)
        finally:
            self._runner.stop()
            # Without Redis its key runs out by itself, and others end its jobs.
            with suppress(redis.RedisError):
                self._batches.finish()
                self.teardown()  # type: ignore[no-untyped-call]
        if self._fatal is not None:
            raise SystemExit(f"The worker stopped: {self._fatal}")
        return taken > 0

    def _check_options(self, *, with_scheduler: bool) -> None:
        if with_scheduler:
            raise SystemExit(
                "OrderWorker runs no scheduler, because no order is ever scheduled in RQ. "
                "Leave out --with-scheduler, or give it to a stock rqworker."
            )
        if len(self.queues) != 1:
            raise SystemExit(
                f"OrderWorker serves one queue, not {len(self.queues)}. Start one worker "
                "for each."
            )

    def _take_jobs(
        self, burst: bool, max_jobs: int | None, max_idle_s: int | None
    ) -> int:
        taken, busy_at = 0, time.monotonic()
        while not self._stop_requested and (max_jobs is None or taken < max_jobs):
            try:
                self.keep_up()
                most = self._places()
                if max_jobs is not None:
                    most = min(most, max_jobs - taken)
                if not most:
                    if burst and self.is_suspended:
                        break
                    continue
                jobs = self._batches.take(most, wait_s=0 if burst else WAIT_S)
                self.outage.end()
                if jobs:
                    taken, busy_at = taken + len(jobs), time.monotonic()
                    self._hand_over(jobs)
                    time.sleep(self._runner.pause_s)
                elif burst or _is_over(busy_at, max_idle_s):
                    break
            except redis.RedisError as error:
                self.wait_out(error)
            except RunnerStopped:
                break
        return taken

    def _places(self) -> int:
        """Return how many jobs may be taken now; 0 after a while without any."""
        if self.is_suspended or self._runner.is_full:
            self._batches.finish()  # the next take() may be long in coming
        if self.is_suspended:
            time.sleep(WAIT_S)
            return 0
        return self._runner.free_places(WAIT_S)

    def _hand_over(self, jobs: list[TakenJob]) -> None:
        orders, over, refused = [], [], []
        for job in jobs:
            order = job.order(self.queues[0].serializer)
            if order:
                orders.append(order)
            if order or not job.data:  # what was removed while queued is over, too
                over.append(job.job_id)
            else:
                refused.append(job.job_id)
        try:
            self._runner.hand_over(orders)
        except RunnerStopped:
            self._batches.put_back([job.job_id for job in jobs])
            raise
        self._batches.note_over(over)
        for job_id in refused:
            logger.warning("job %r is refused: it names no order", job_id)
            self._batches.refuse(job_id, REFUSED)

    def status(self) -> WorkerStatus:
        is_busy = not (self.is_suspended or self._runner.is_idle)
        return WorkerStatus.BUSY if is_busy else super().status()

    def run_maintenance_tasks(self) -> None:
        """Do RQ's own, after queueing again what nobody finished."""
        self._batches.requeue_stuck()
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]

    def _die(self, error: BaseException) -> None:
        """Stop the blocking loop of the main thread: the runner cannot go on."""
        self._fatal = error
        # An error of the outside world says all in its message; a bug needs its trace.
        trace = None if isinstance(error, DexError) else error
        logger.error("the runner stopped: %s", error, exc_info=trace)
        os.kill(os.getpid(), signal.SIGTERM)


def _is_over(busy_at: float, max_idle_s: int | None) -> bool:
    return max_idle_s is not None and time.monotonic() - busy_at >= max_idle_s
