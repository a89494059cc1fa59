"""What RQ stores of an order's job, asked of RQ once and then written for each order.

The jobs of two orders differ in the order's id and the time alone, but RQ builds each anew
from twenty options. Leans on how RQ 2.12 stores jobs; a test compares with RQ's own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.client import Pipeline
from rq import Queue
from rq.job import Job, JobStatus
from rq.utils import now, utcformat

JOB = "execution.jobs.execute_order"
FAILURE_TTL_S = 24 * 3600


class QueuedOrder(NamedTuple):
    """An order in the queue, and the request that placed it: "" when nobody knows."""

    order_id: str
    request_id: str = ""


class JobTemplate:
    """The jobs of one queue."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        job = queue.create_job(
            JOB,
            args=("",),
            # A finished job leaves nothing behind that RQ could run again.
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            timeout=queue._default_timeout,
        )
        self._fields: dict[str, Any] = {
            **job.to_dict(),
            "origin": queue.name,
            "status": JobStatus.QUEUED.value,
        }

    def enqueue(self, orders: Sequence[QueuedOrder], pipeline: Pipeline) -> None:
        """Write the jobs of orders, each under its order's id, and line them up."""
        moment = utcformat(now())
        for order in orders:
            key = Job.key_for(order.order_id)
            pipeline.hset(key, mapping=self._job(*order, moment))
        pipeline.sadd(Queue.redis_queues_keys, self.queue.key)
        pipeline.rpush(self.queue.key, *(order.order_id for order in orders))

    def _job(self, order_id: str, request_id: str, moment: str) -> dict[Any, Any]:
        named = {"request_id": request_id} if request_id else {}
        told = f", request_id={request_id!r}" if request_id else ""
        call = self.queue.serializer.dumps((JOB, None, (order_id,), named))
        return {
            **self._fields,
            "created_at": moment,
            "enqueued_at": moment,
            "data": zlib.compress(call),
            "description": f"{JOB}('{order_id}'{told})",
        }
