"""What keeps an RQ worker visible and obedient, also when Redis comes back empty."""

from __future__ import annotations

import logging
import time
from types import FrameType
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import SimpleWorker, worker_registration
from rq.serializers import DefaultSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import now
from rq.worker import WorkerStatus

from .job_batches import PlainPickles

logger = logging.getLogger(__name__)

# The longest single wait for a job or for a place: so soon is a signal heard.
WAIT_S = 1.0
# Redis is away when it does not answer within this, beyond what a job is waited for.
ANSWER_S = 2.0
# Between heartbeats; with each, commands and `rq suspend` are heard, too.
BEAT_S = 1.0
# Rests between attempts to reach Redis, doubled each time.
FIRST_REST_S, LONGEST_REST_S = 0.1, 2.0
# Between looks for what dead workers left in RQ's registries and its intermediate queue.
MAINTENANCE_S = 60


class Outage:
    """The time without Redis: said once, and rested through."""

    def __init__(self) -> None:
        self._rest_s = FIRST_REST_S
        self._is_on = False

    def wait_out(self, error: redis.RedisError) -> None:
        """Rest before the next attempt, longer each time."""
        if not self._is_on:
            logger.warning("waiting for Redis: %s", error)
        self._is_on = True
        time.sleep(self._rest_s)
        self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)

    def end(self) -> None:
        if self._is_on:
            logger.warning("Redis answers again")
        self._is_on, self._rest_s = False, FIRST_REST_S


class SteadyWorker(SimpleWorker):
    """A worker whose loop calls keep_up() often, and wait_out() after a RedisError.

    Stock workers end when Redis does not answer, and stay invisible when it was emptied.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Redis is tried again by the loop, with rests in which a stop is heard.
        kwargs["connection"].set_retry(Retry(NoBackoff(), 0))
        kwargs.setdefault("maintenance_interval", MAINTENANCE_S)
        self.outage = Outage()
        self.is_suspended = False
        self._beat_due_at = 0.0
        while True:
            try:
                super().__init__(*args, **kwargs)
                break
            except (redis.ConnectionError, redis.TimeoutError) as error:
                # RQ would end the process, again at each restart.
                self.outage.wait_out(error)
        self.outage.end()
        for queue in self.queues:
            if queue.serializer is DefaultSerializer:
                queue.serializer = PlainPickles

    @property
    def connection_timeout(self) -> int:
        """The socket's time limit, unless REDIS_URL sets a longer one."""
        return int(WAIT_S + ANSWER_S)

    def status(self) -> WorkerStatus:
        """Say what others shall see."""
        return WorkerStatus.SUSPENDED if self.is_suspended else WorkerStatus.IDLE

    def keep_up(self) -> bool:
        """Send a heartbeat, hear commands, clean up; each when it is due.

        The heartbeat writes all that makes the worker visible, as Redis may be empty.
        Returns whether it was due. Raises RedisError.
        """
        if time.monotonic() < self._beat_due_at:
            return False
        self.last_heartbeat = now()
        with self.connection.pipeline() as pipeline:
            shown = self.serialize() | {"state": self.status()}
            pipeline.hset(self.key, mapping=shown)
            pipeline.expire(self.key, self.worker_ttl + 60)
            worker_registration.register(self, pipeline)
            pipeline.exists(WORKERS_SUSPENDED)
            is_suspended = bool(pipeline.execute()[-1])
        if is_suspended and not self.is_suspended:
            logger.warning("suspended: no job is taken until `rq resume`")
        self.is_suspended = is_suspended
        assert self.pubsub is not None
        self.pubsub.get_message()
        if self.should_run_maintenance_tasks:
            self._maintain()
        self._beat_due_at = time.monotonic() + BEAT_S
        return True

    def wait_out(self, error: redis.RedisError) -> None:
        """Rest before the next attempt, which begins with a heartbeat."""
        self._beat_due_at = 0.0
        self.outage.wait_out(error)

    def _maintain(self) -> None:
        # What cannot be cleaned must not keep jobs from being taken, so the next try is
        # as far away as after a success.
        self.last_cleaned_at = now()  # type: ignore[assignment]
        try:
            self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception:
            logger.exception("RQ's registries could not be cleaned")

    def subscribe(self) -> None:
        """Listen for commands; keep_up() hears them, where RQ would start a thread."""
        self.pubsub = self.connection.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        self.pubsub.subscribe(**{self.pubsub_channel_name: self.handle_payload})

    def unsubscribe(self) -> None:
        assert self.pubsub is not None
        self.pubsub.close()

    def handle_payload(self, message: Any) -> None:
        """Obey a command of `rq`; whatever else was sent changes nothing."""
        try:
            super().handle_payload(message)  # type: ignore[no-untyped-call]
        except redis.RedisError:
            raise
        except Exception:
            logger.warning("this is no command: %r", message)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take nothing more; the loop hears it within WAIT_S."""
        self._stop_requested = True
