"""RQ jobs by the batch: taken in one round trip, and removed in the next one.

Leans on how RQ 2.12 stores jobs; test_rq_internals.py says what on. A job waits in its
queue's list and in a hash. Who takes it moves its id to the intermediate queue, a list
in which RQ's own maintenance looks for what a dead worker left behind.
"""

from __future__ import annotations

import io
import logging
import pickle
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import DefaultSerializer

from orders.job_template import JOB

logger = logging.getLogger(__name__)

# One script call holds up every other client of Redis for as long as it runs.
MAX_BATCH = 500
# Characters: 64, and for a message of a socket its number. Longer ones are cut for the log.
MAX_REQUEST_ID = 80

# KEYS: queue, intermediate queue, worker. ARGV: how many to take, what job keys begin with,
# and how many jobs are done; their ids; then ids that are in the intermediate queue already.
# Whoever stored something else under the key of a job must not cost the others theirs,
# hence pcall.
TAKE = """
local done = tonumber(ARGV[3])
for i = 4, 3 + done do
    redis.call('DEL', ARGV[2] .. ARGV[i])
    redis.call('LREM', KEYS[2], 1, ARGV[i])
end
if done > 0 then
    redis.call('HINCRBY', KEYS[3], 'successful_job_count', done)
end
local ids = {unpack(ARGV, 4 + done)}
local more = tonumber(ARGV[1]) > 0 and redis.call('LPOP', KEYS[1], ARGV[1])
if more then
    redis.call('RPUSH', KEYS[2], unpack(more))
    for _, id in ipairs(more) do ids[#ids + 1] = id end
end
local taken = {}
for _, id in ipairs(ids) do
    local data = redis.pcall('HGET', ARGV[2] .. id, 'data')
    taken[#taken + 1] = id
    taken[#taken + 1] = type(data) == 'string' and data or ''
end
return taken
"""


class PlainPickles(DefaultSerializer):
    """RQ's default serializer, which loads plain values only.

    A pickle may name any function to be called while it is read; who can write to Redis
    must not thereby run code in the process that signs.
    """

    @staticmethod
    def loads(data: bytes) -> Any:  # type: ignore[override]
        return _PlainUnpickler(io.BytesIO(data)).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain value")


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job as it lay in Redis. Without `data` it was removed while it was queued."""

    job_id: bytes
    data: bytes

    def order(self, serializer: Any) -> tuple[UUID, str] | None:
        """Return the order that the job names, and the request that placed it, or "".

        None when it is no job of an order.
        """
        try:
            function, instance, args, kwargs = serializer.loads(
                zlib.decompress(self.data)
            )
            request_id = kwargs.pop("request_id", "")
            if (function, instance, kwargs) != (JOB, None, {}):
                return None
            (order_id,) = args
            return UUID(order_id), str(request_id)[:MAX_REQUEST_ID]
        except Exception:  # whatever somebody has put there
            return None


class JobBatches:
    """The jobs of one queue, for the worker whose hash is stored at `worker_key`."""

    def __init__(self, queue: Queue, *, worker_key: str, worker_name: str) -> None:
        self._queue = queue
        self._redis: redis.Redis = queue.connection
        self._worker_key = worker_key
        self._worker_name = worker_name
        self._taken_key = queue.intermediate_queue_key
        self._take = self._redis.register_script(TAKE)
        # Handed over, and not removed yet.
        self._over: list[bytes] = []

    def take(self, most: int, *, wait_s: float) -> list[TakenJob]:
        """Take 1 to `most` jobs, the oldest first; wait up to `wait_s` for the first.

        `wait_s` 0 does not wait. Removes what is over, too. Raises RedisError; then some
        may be taken that nobody has, and requeue_stuck() finds them.
        """
        jobs = self._take_more(min(most, MAX_BATCH))
        if jobs or not wait_s:
            return jobs
        first = self._redis.blmove(self._queue.key, self._taken_key, wait_s)  # type: ignore[arg-type]
        return [] if first is None else self._take_more(min(most, MAX_BATCH) - 1, first)

    def _take_more(self, most: int, *taken: bytes | str) -> list[TakenJob]:
        """Take what waits, at once; `taken` are ids that were taken before."""
        over = self._over
        flat: list[bytes] = self._take(
            keys=(self._queue.key, self._taken_key, self._worker_key),
            args=[most, Job.redis_job_namespace_prefix, len(over), *over, *taken],
            client=self._redis,
        )
        self._over = []
        return [TakenJob(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]

    def note_over(self, job_ids: Iterable[bytes]) -> None:
        """Let the next take() or finish() remove jobs that are done."""
        self._over += job_ids

    def finish(self, job_ids: Iterable[bytes] = ()) -> None:
        """Remove jobs that are done, and those noted before, in one round trip.

        Raises RedisError; then the next call removes them.
        """
        self.note_over(job_ids)
        if self._over:
            self._take_more(0)

    def refuse(self, job_id: bytes, reason: str) -> None:
        """Put a job into the FailedJobRegistry; remove it when RQ cannot read it."""
        job = self._fetch(job_id)
        with self._redis.pipeline() as pipeline:
            if job is None:
                pipeline.delete(_key(job_id))
            else:
                job.set_status(JobStatus.FAILED, pipeline=pipeline)
                job._handle_failure(reason, pipeline, worker_name=self._worker_name)
            pipeline.lrem(self._taken_key, 1, job_id)  # type: ignore[arg-type]
            pipeline.hincrby(self._worker_key, "failed_job_count", 1)
            pipeline.execute()

    def put_back(self, job_ids: Sequence[bytes]) -> None:
        """Let jobs that were taken be the next of the queue again."""
        if not job_ids:
            return
        with self._redis.pipeline() as pipeline:
            for job_id in job_ids:
                pipeline.lrem(self._taken_key, 1, job_id)  # type: ignore[arg-type]
            pipeline.lpush(self._queue.key, *reversed(job_ids))
            pipeline.execute()

    def requeue_stuck(self) -> int:
        """Queue again what was taken more than a minute ago; return how many.

        Its taker has died or lost Redis. RQ's own maintenance would call such jobs
        failed, but keepers have carried the orders since, so all they need is an end.
        """
        stuck = [job_id for job_id in self._taken() if self._is_stuck(_text(job_id))]
        self.put_back(stuck)
        if stuck:
            logger.warning("%d jobs that nobody finished are queued again", len(stuck))
        return len(stuck)

    def _taken(self) -> Collection[bytes]:
        """Return what was taken, except what a stock worker is working on."""
        started = set(self._queue.started_job_registry.get_job_ids(cleanup=False))
        taken: list[Any] = self._redis.lrange(self._taken_key, 0, -1)
        return [job_id for job_id in taken if _text(job_id) not in started]

    def _is_stuck(self, job_id: str) -> bool:
        intermediate = self._queue.intermediate_queue
        is_new = intermediate.set_first_seen(job_id)
        return not is_new and intermediate.should_be_cleaned_up(job_id)

    def _fetch(self, job_id: bytes) -> Job | None:
        try:
            return Job.fetch(
                job_id.decode(), self._redis, serializer=self._queue.serializer
            )
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception:  # whatever somebody has put there
            logger.warning("job %r cannot be read and is removed", job_id)
            return None


def _text(job_id: bytes) -> str:
    return job_id.decode(errors="replace")


def _key(job_id: bytes) -> bytes:
    return Job.redis_job_namespace_prefix.encode() + job_id
