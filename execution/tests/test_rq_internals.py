"""What the worker leans on inside RQ, which no upgrade may change unseen.

Each test fails with what to look at: `execution/job_batches.py` or `steady_worker.py`.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import threading
import time
import zlib
from uuid import uuid4

import django_rq
import pytest
from rq import SimpleWorker
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.suspension import suspend
from rq.version import VERSION
from rq.worker import BaseWorker

from execution.steady_worker import SteadyWorker
from execution.worker import OrderWorker
from orders import queue as order_queue
from orders.job_template import FAILURE_TTL_S, JOB

BATCHES = "RQ stores jobs in another way now: change execution/job_batches.py with it"
WORKER = (
    "RQ's worker works in another way now: change execution/steady_worker.py with it"
)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def make_worker(queue):
    def make(kind):
        return django_rq.get_worker("orders", worker_class=kind, name="tester")

    return make


def test_rq_is_the_version_that_was_read():
    assert VERSION == "2.12.0", (
        "RQ was upgraded. The other tests of this file say which of its internals are "
        "leaned on. Let them pass, then read the changes of rq/worker/base.py, and put "
        "the new version here."
    )


def test_a_queued_job_is_an_id_in_a_list_and_a_hash_with_its_data(queue):
    order_queue.enqueue(order := uuid4())
    assert order_queue.flush(5)
    order_id, redis = str(order), queue.connection

    assert (queue.key, redis.lrange(queue.key, 0, -1)) == (
        "rq:queue:orders",
        [order_id.encode()],
    ), BATCHES
    assert set(redis.scan_iter()) == {
        b"rq:queues",
        b"rq:queue:orders",
        f"rq:job:{order_id}".encode(),
    }, BATCHES
    data = zlib.decompress(redis.hget(f"rq:job:{order_id}", "data"))
    assert queue.serializer.loads(data) == (
        JOB,
        None,
        (order_id,),
        {},
    ), BATCHES
    assert Job.redis_job_namespace_prefix == "rq:job:", BATCHES


def test_a_queued_job_is_stored_as_rq_itself_stores_it(queue):
    order_queue.enqueue(order := uuid4())
    assert order_queue.flush(5)
    order_id, redis = str(order), queue.connection
    ours = stored_job(redis, order_id)
    redis.flushdb()

    queue.enqueue_call(
        JOB, args=(order_id,), job_id=order_id, result_ttl=0, failure_ttl=FAILURE_TTL_S
    )

    by_rq = stored_job(redis, order_id)
    times = {b"created_at", b"enqueued_at"}
    assert {name for name in ours if ours[name] != by_rq.get(name)} == times, (
        "RQ stores jobs in another way now: change orders/job_template.py with it"
    )
    assert ours.keys() == by_rq.keys()
    assert [len(ours[name]) for name in times] == [len(by_rq[name]) for name in times]


def stored_job(redis, order_id):
    return redis.hgetall(f"rq:job:{order_id}")


def test_a_worker_takes_from_the_left_into_the_intermediate_queue(queue):
    for job_id in ("first", "second", "third"):
        queue.enqueue("os.getpid", job_id=job_id)
    for expected in ("first", "second"):
        job, _ = queue.dequeue_any([queue], None, queue.connection)
        assert job.id == expected, BATCHES

    assert queue.intermediate_queue_key == "rq:queue:orders:intermediate", BATCHES
    taken = queue.connection.lrange(queue.intermediate_queue_key, 0, -1)
    assert taken == [b"first", b"second"], BATCHES


def test_a_stock_worker_leaves_what_ours_leaves_of_a_job_without_result_ttl(
    queue, make_worker
):
    queue.enqueue("os.getpid", job_id="done", result_ttl=0)

    make_worker(SimpleWorker).work(burst=True)

    assert set(queue.connection.scan_iter()) == {b"rq:queues", b"rq:worker:tester"}, (
        BATCHES
    )
    figures = queue.connection.hgetall("rq:worker:tester")
    assert figures[b"successful_job_count"] == b"1", BATCHES


def test_a_stock_worker_fails_a_job_as_ours_refuses_it(queue, make_worker):
    queue.enqueue("no.such.function", job_id="bad")

    make_worker(SimpleWorker).work(burst=True)

    failed = FailedJobRegistry(queue=queue)
    assert (failed.key, failed.get_job_ids()) == ("rq:failed:orders", ["bad"]), BATCHES
    assert Job.fetch("bad", queue.connection).get_status() == JobStatus.FAILED
    figures = queue.connection.hgetall("rq:worker:tester")
    assert figures[b"failed_job_count"] == b"1", BATCHES
    assert list(inspect.signature(Job._handle_failure).parameters)[1:4] == [
        "exc_string",
        "pipeline",
        "worker_name",
    ], BATCHES


def test_what_is_stuck_is_known_by_when_it_was_first_seen(queue):
    intermediate = queue.intermediate_queue

    assert intermediate.set_first_seen("job") is True, BATCHES
    assert intermediate.set_first_seen("job") is False, BATCHES
    assert intermediate.should_be_cleaned_up("job") is False, BATCHES
    key = "rq:queue:orders:intermediate:first_seen:job"
    assert intermediate.get_first_seen_key("job") == key, BATCHES
    queue.connection.set(key, time.time() - 61)
    assert intermediate.should_be_cleaned_up("job") is True, BATCHES


def test_work_can_be_called_as_rq_calls_it():
    stock, ours = (inspect.signature(kind.work) for kind in (BaseWorker, OrderWorker))

    assert list(ours.parameters) == list(stock.parameters), (
        "RQ's worker has other options now: serve them in execution/worker.py, or "
        "refuse them"
    )


def visible(queue):
    """Return what the pages of django-rq read of workers."""
    redis = queue.connection
    (worker,) = BaseWorker.all(redis)
    return {
        "registered": redis.smembers("rq:workers"),
        "of the queue": redis.smembers("rq:workers:orders"),
        "fields": set(redis.hkeys(worker.key)),
        "ttl": redis.ttl(worker.key),
        "born": worker.birth_date,
        "pid": worker.pid,
    }


def test_a_heartbeat_alone_makes_a_worker_as_visible_as_its_birth_did(
    queue, make_worker
):
    worker = make_worker(SteadyWorker)
    worker.bootstrap()
    at_birth = visible(queue)

    queue.connection.flushdb()
    assert worker.keep_up() is True

    assert visible(queue) == at_birth, WORKER
    assert at_birth["registered"] == {b"rq:worker:tester"}, WORKER
    worker.teardown()
    assert BaseWorker.all(queue.connection) == [], WORKER


def test_a_signal_only_asks_the_loop_to_stop(make_worker):
    worker = make_worker(SteadyWorker)
    before = [signal.getsignal(number) for number in SIGNALS]
    try:
        worker._install_signal_handlers()
        assert worker._stop_requested is False, WORKER
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert worker._stop_requested is True, WORKER
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def test_commands_are_heard_with_a_heartbeat_and_no_thread_is_started(
    queue, make_worker, caplog
):
    worker = make_worker(SteadyWorker)
    worker.bootstrap()
    threads = threading.active_count()
    caplog.set_level(logging.INFO)
    channel = PUBSUB_CHANNEL_TEMPLATE % "tester"
    try:
        for said in ("no JSON", "{}", json.dumps({"command": "kill-horse"})):
            queue.connection.publish(channel, said)
        give_up_at = time.monotonic() + 10
        while "kill horse command ignored" not in caplog.text:
            assert time.monotonic() < give_up_at, WORKER
            worker._beat_due_at = 0.0
            worker.keep_up()
    finally:
        worker.teardown()

    assert caplog.text.count("this is no command") == 2, WORKER
    assert (worker.pubsub_thread, threading.active_count()) == (None, threads), WORKER


def test_a_suspended_site_is_seen_with_a_heartbeat(queue, make_worker):
    worker = make_worker(SteadyWorker)
    worker.bootstrap()
    suspend(queue.connection)

    worker.keep_up()

    (seen,) = BaseWorker.all(queue.connection)
    assert worker.is_suspended, WORKER
    worker._beat_due_at = 0.0
    worker.keep_up()
    (seen,) = BaseWorker.all(queue.connection)
    assert seen.get_state() == "suspended", WORKER
    worker.teardown()


def test_no_answer_is_waited_for_longer_than_a_few_seconds(make_worker):
    worker = make_worker(SteadyWorker)

    connection = worker.connection.connection_pool.make_connection()
    assert connection.socket_timeout == 3, WORKER
    assert connection.retry.get_retries() == 0, WORKER


def test_maintenance_is_due_at_once_and_then_every_minute(make_worker):
    worker = make_worker(SteadyWorker)

    assert worker.should_run_maintenance_tasks is True, WORKER
    worker.run_maintenance_tasks()
    assert worker.should_run_maintenance_tasks is False, WORKER
    assert worker.maintenance_interval == 60, WORKER


def test_maintenance_that_fails_stops_nothing_and_is_tried_again_later(
    queue, make_worker, caplog
):
    worker = make_worker(SteadyWorker)
    worker.bootstrap()
    queue.connection.set(queue.intermediate_queue_key, "no list")

    assert worker.keep_up() is True

    assert "RQ's registries could not be cleaned" in caplog.text
    assert worker.should_run_maintenance_tasks is False, WORKER
    worker.teardown()
