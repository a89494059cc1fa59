from __future__ import annotations

import logging
import os
import time
from uuid import UUID, uuid4

import django_rq
import pytest
from django.conf import settings
from redis import Redis
from rq.job import Job

from orders import queue
from orders.queue import QueueSender

from .faults import silent_server

AT_ONCE_S = 0.1
FLUSH_S = 5


@pytest.fixture
def redis():
    with Redis.from_url(settings.REDIS_URL) as client:
        queue.flush(FLUSH_S)  # what other tests placed
        client.flushdb()
        yield client
        client.flushdb()


def timed(sender: QueueSender, order_id: UUID) -> float:
    started = time.monotonic()
    sender.enqueue(order_id)
    return time.monotonic() - started


def until_taken(sender: QueueSender) -> None:
    give_up_at = time.monotonic() + FLUSH_S
    while sender._waiting:
        assert time.monotonic() < give_up_at, "the thread of the queue hangs"
        time.sleep(0.001)


def test_an_order_is_queued_as_a_job_of_its_own_id(redis):
    order_id = uuid4()

    queue.enqueue(order_id)
    assert queue.flush(FLUSH_S)

    assert django_rq.get_queue("orders").job_ids == [str(order_id)]
    job = Job.fetch(str(order_id), connection=redis)
    assert (job.func_name, job.args) == (
        "execution.jobs.execute_order",
        (str(order_id),),
    )
    # Nothing is left that RQ could run a second time, and failures do not pile up.
    assert (job.result_ttl, job.failure_ttl) == (0, 24 * 3600)
    assert (job.retries_left, job.timeout) == (None, 300)


def test_one_order_after_the_first_takes_one_round_trip(redis):
    sender = QueueSender(settings.REDIS_URL)
    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)
    before = redis.info("commandstats")

    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)

    after = redis.info("commandstats")

    def calls(name: str) -> int:
        key, never = f"cmdstat_{name}", {"calls": 0}
        return int(after.get(key, never)["calls"] - before.get(key, never)["calls"])

    assert (calls("multi"), calls("exec"), calls("sadd")) == (1, 1, 1)
    assert calls("info") == 1  # the test's own


def test_a_refused_connection_is_a_counted_warning(caplog):
    sender = QueueSender("redis://127.0.0.1:1/0")

    with caplog.at_level(logging.WARNING, "orders.queue"):
        seconds = timed(sender, uuid4())
        assert sender.flush(FLUSH_S)

    assert sender.lost == 1
    assert seconds < AT_ONCE_S
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_missing_socket_is_a_counted_warning(tmp_path):
    sender = QueueSender(f"unix://{tmp_path}/none.sock")

    assert timed(sender, uuid4()) < AT_ONCE_S
    assert sender.flush(FLUSH_S)
    assert sender.lost == 1


def test_nobody_waits_for_a_redis_that_is_silent():
    with silent_server() as port:
        sender = QueueSender(f"redis://127.0.0.1:{port}/0")

        assert sum(timed(sender, uuid4()) for _ in range(50)) < AT_ONCE_S
        assert not sender.flush(0)
        assert sender.flush(FLUSH_S)
        # It is not tried again for a moment, so one wait for all of them.
        assert sum(timed(sender, uuid4()) for _ in range(50)) < AT_ONCE_S
        assert sender.flush(FLUSH_S)
        assert sender.lost == 100


def test_what_waits_for_redis_is_bounded(monkeypatch):
    monkeypatch.setattr(queue, "MAX_WAITING", 10)
    with silent_server() as port:
        sender = QueueSender(f"redis://127.0.0.1:{port}/0")

        sender.enqueue(uuid4())
        until_taken(sender)
        for _ in range(99):
            sender.enqueue(uuid4())

        assert len(sender._waiting) == 10
        assert sender.lost == 89
        assert sender.flush(FLUSH_S)
        assert sender.lost == 100


def test_nobody_waits_for_a_name_service_that_hangs(monkeypatch):
    sender = QueueSender("redis://redis.invalid/0")
    # No time-out of redis-py covers the look-up of a name.
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(1))

    assert timed(sender, uuid4()) < AT_ONCE_S
    assert sender.flush(FLUSH_S)
    assert sender.lost == 1


def test_redis_is_used_again_after_a_pause(redis, monkeypatch):
    sender = QueueSender("redis://127.0.0.1:1/0")
    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)
    sender._redis_url, sender._jobs = settings.REDIS_URL, None
    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)
    assert sender.lost == 2

    monkeypatch.setattr(sender, "_paused_until", 0.0)  # the pause is over
    order_id = uuid4()
    sender.enqueue(order_id)
    sender.flush(FLUSH_S)

    assert django_rq.get_queue("orders").job_ids == [str(order_id)]
    assert sender.lost == 2


def test_a_kept_connection_that_the_server_closed_loses_nothing(redis):
    sender = QueueSender(settings.REDIS_URL)
    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)
    redis.client_kill_filter(skipme=True, _type="normal")

    sender.enqueue(uuid4())
    sender.flush(FLUSH_S)

    assert sender.lost == 0
    assert len(django_rq.get_queue("orders").job_ids) == 2


def test_a_read_only_redis_is_a_counted_warning(redis):
    redis.replicaof("127.0.0.1", "1")
    try:
        sender = QueueSender(settings.REDIS_URL)
        sender.enqueue(uuid4())
        assert sender.flush(FLUSH_S)
        assert sender.lost == 1
    finally:
        redis.replicaof("NO", "ONE")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_queues_with_a_thread_of_its_own(redis):
    queue.enqueue(uuid4())
    queue.flush(FLUSH_S)
    order_id = uuid4()

    if (child := os.fork()) == 0:
        queue.enqueue(order_id)
        queue.flush(FLUSH_S)
        os._exit(queue.lost())

    _, status = os.waitpid(child, 0)
    assert status == 0
    assert str(order_id) in django_rq.get_queue("orders").job_ids
