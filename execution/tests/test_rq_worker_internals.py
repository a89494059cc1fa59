"""What the worker leans on inside RQ's own worker, which no upgrade may change unseen.

Each test fails with what to look at: `execution/steady_worker.py`.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import threading
import time

from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.suspension import suspend
from rq.worker import BaseWorker

from execution.steady_worker import SteadyWorker
from execution.worker import OrderWorker

WORKER = (
    "RQ's worker works in another way now: change execution/steady_worker.py with it"
)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
