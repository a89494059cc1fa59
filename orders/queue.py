"""The hint to a worker that an order waits. It may be lost; the keeper finds the order.

An accepted order must never wait for Redis, whatever state Redis is in. So one kept
thread talks to it, the caller waits for that thread half a second at most, and after a
failure nobody tries again for a moment.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from uuid import UUID

import django_rq
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

logger = logging.getLogger(__name__)

JOB = "execution.jobs.execute_order"
QUEUE = "orders"

WAIT_S = 0.45  # a caller's whole wait, whatever Redis and the name service do
REDIS_TIMEOUT_S = 0.3  # of one connect or one answer
PAUSE_S = 2.0  # after a failure, before Redis is tried again
FAILURE_TTL_S = 24 * 3600


class QueueSender:
    """Sends order ids to the RQ queue; counts those that it could not send in time.

    Orders that come while the thread is busy share its next round trip.
    """

    def __init__(self, redis_url: str) -> None:
        self.lost = 0
        self._redis_url = redis_url
        self._queue: Queue | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="order-queue")
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._next: Future[None] | None = None
        self._busy_since = 0.0
        self._paused_until = 0.0

    def enqueue(self, order_id: UUID) -> None:
        """Queue an order; within WAIT_S, and a counted warning instead of an error."""
        if time.monotonic() < self._paused_until:
            self._count(order_id, "Redis failed a moment ago")
            return
        try:
            self._share_round_trip(str(order_id)).result(WAIT_S)
        except TimeoutError as error:
            # Late because many came at once is no reason to pause; a thread that hangs
            # in one call is.
            if time.monotonic() - self._busy_since >= REDIS_TIMEOUT_S:
                self._pause()
            self._count(order_id, repr(error))
        except Exception as error:  # the order is committed: nothing may fail it now
            self._pause()
            self._count(order_id, repr(error))

    def _share_round_trip(self, order_id: str) -> Future[None]:
        with self._lock:
            self._waiting.append(order_id)
            if self._next is None:
                self._next = self._thread.submit(self._send_waiting)
            return self._next

    def _pause(self) -> None:
        self._paused_until = time.monotonic() + PAUSE_S

    def _send_waiting(self) -> None:
        with self._lock:
            order_ids, self._waiting, self._next = self._waiting, [], None
            self._busy_since = time.monotonic()
        queue = self._connected_queue()
        # One pipeline, so one round trip for all of them.
        with queue.connection.pipeline() as pipeline:
            for order_id in order_ids:
                queue.enqueue_call(
                    JOB,
                    args=(order_id,),
                    job_id=order_id,
                    # A finished job leaves nothing behind that RQ could run again.
                    result_ttl=0,
                    failure_ttl=FAILURE_TTL_S,
                    pipeline=pipeline,
                )
            pipeline.execute()

    def _connected_queue(self) -> Queue:
        # Kept: a fresh queue opens a connection and asks for the server's version.
        if self._queue is None:
            connection = Redis.from_url(
                self._redis_url,
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
            self._queue = django_rq.get_queue(
                QUEUE, connection=connection, commit_mode="auto"
            )
        return self._queue

    def _count(self, order_id: UUID, reason: str) -> None:
        self.lost += 1
        logger.warning(
            "order %s was not queued in time (%s): the keeper takes it",
            order_id,
            reason,
        )


@cache
def _sender() -> QueueSender:
    return QueueSender(settings.REDIS_URL)


# A forked child inherits the object but neither its thread nor a connection of its own.
os.register_at_fork(after_in_child=_sender.cache_clear)


def enqueue(order_id: UUID) -> None:
    """Queue an order for a worker. Never raises, never takes longer than half a second."""
    _sender().enqueue(order_id)


def lost() -> int:
    """Return how many orders this process could not queue."""
    return _sender().lost
