"""The hint to a worker that an order waits. It may be lost; the keeper finds the order.

An accepted order must never wait for Redis, whatever state Redis is in. So one kept
thread talks to it and nobody waits for that thread; after a failure it does not try again
for a moment.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from uuid import UUID

import django_rq
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .background_sender import BackgroundSender
from .job_template import JobTemplate, QueuedOrder

logger = logging.getLogger(__name__)

QUEUE = "orders"

MAX_WAITING = (
    10_000  # orders that are not sent yet; further ones are left to the keeper
)
REDIS_TIMEOUT_S = 0.3  # of one connect or one answer
PAUSE_S = 2.0  # after a failure, before Redis is tried again


class QueueSender(BackgroundSender[QueuedOrder, list[QueuedOrder]]):
    """Sends order ids to the RQ queue."""

    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self._redis_url = redis_url
        self._jobs: JobTemplate | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="order-queue")
        self._waiting: list[QueuedOrder] = []
        self._paused_until = 0.0

    def enqueue(self, order_id: UUID, request_id: str = "") -> None:
        """Queue an order soon, and a counted warning instead of an error."""
        order = QueuedOrder(str(order_id), request_id)
        if not self._add(order):
            self._count([order], "Redis has not answered for long")

    def _begin(self) -> Future[None]:
        return self._thread.submit(self._send_waiting)

    def _put(self, hint: QueuedOrder) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(hint)
        return True

    def _next_batch(self) -> list[QueuedOrder]:
        orders, self._waiting = self._waiting, []
        return orders

    def _send_waiting(self) -> None:
        while orders := self._take():
            if time.monotonic() < self._paused_until:
                self._count(orders, "Redis failed a moment ago")
                continue
            try:
                self._send(orders)
            except Exception as error:  # the orders are committed: nothing may fail now
                self._paused_until = time.monotonic() + PAUSE_S
                self._count(orders, repr(error))

    def _send(self, orders: list[QueuedOrder]) -> None:
        jobs = self._connected_jobs()
        # One pipeline, so one round trip for all of them.
        with jobs.queue.connection.pipeline() as pipeline:
            jobs.enqueue(orders, pipeline)
            pipeline.execute()

    def _connected_jobs(self) -> JobTemplate:
        # Kept: a fresh queue opens a connection.
        if self._jobs is None:
            connection = Redis.from_url(
                self._redis_url,
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
            queue = django_rq.get_queue(
                QUEUE, connection=connection, commit_mode="auto"
            )
            self._jobs = JobTemplate(queue)
        return self._jobs

    def _count(self, orders: Collection[QueuedOrder], reason: str) -> None:
        self.lost += len(orders)
        for order in orders:
            logger.warning(
                "order %s was not queued (%s): the keeper takes it",
                order.order_id,
                reason,
                extra={"request_id": order.request_id},
            )


@cache
def _sender() -> QueueSender:
    return QueueSender(settings.REDIS_URL)


# A forked child inherits the object but neither its thread nor a connection of its own.
os.register_at_fork(after_in_child=_sender.cache_clear)


def enqueue(order_id: UUID, request_id: str = "") -> None:
    """Queue an order for a worker, soon. Never waits and never raises.

    `request_id` names the request that placed it, for the worker's log.
    """
    _sender().enqueue(order_id, request_id)


def flush(timeout_s: float) -> bool:
    """Wait until every order of this process is queued or lost; False: not in time."""
    return _sender().flush(timeout_s)


def lost() -> int:
    """Return how many orders this process could not queue."""
    return _sender().lost
