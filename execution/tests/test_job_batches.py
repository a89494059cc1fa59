"""Jobs are taken and removed by the batch; what somebody else put there harms nobody."""

from __future__ import annotations

import operator
import os
import pickle
import time
import zlib
from uuid import uuid4

import django_rq
import pytest
import redis
from rq.job import Job
from rq.registry import FailedJobRegistry

from execution.job_batches import JobBatches, PlainPickles, TakenJob
from orders.job_template import JOB

from .queued import add_orders, ids_of, keys_of, order_ids_of, taken_of

WORKER_KEY = "rq:worker:tester"
MOST = 100


@pytest.fixture
def batches(queue):
    queue.serializer = PlainPickles
    return JobBatches(queue, worker_key=WORKER_KEY, worker_name="tester")


def test_a_batch_holds_the_oldest_jobs_and_no_more_than_there_are_places(
    queue, batches
):
    order_ids = add_orders(queue, 5)

    first = batches.take(3, wait_s=0)
    second = batches.take(3, wait_s=0)

    assert order_ids_of(first) == order_ids[:3]
    assert order_ids_of(second) == order_ids[3:]
    assert batches.take(3, wait_s=0) == []


def test_an_empty_queue_is_waited_for_no_longer_than_asked(batches):
    started = time.monotonic()

    assert batches.take(MOST, wait_s=0.05) == []

    assert time.monotonic() - started >= 0.05


def test_a_batch_is_removed_in_one_round_trip_and_leaves_nothing(queue, batches):
    add_orders(queue, 50)
    jobs = batches.take(MOST, wait_s=0)
    before = queue.connection.info("commandstats")

    batches.finish(ids_of(jobs))

    after = queue.connection.info("commandstats")
    calls = {
        name: stats["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, stats in after.items()
    }
    assert (calls["cmdstat_evalsha"], calls.get("cmdstat_exec", 0)) == (1, 0)
    assert queue.connection.hget(WORKER_KEY, "successful_job_count") == b"50"
    # The names of all queues, and the worker's own figures.
    assert keys_of(queue) == {"rq:queues", WORKER_KEY}


def test_what_is_over_is_removed_with_the_next_take(queue, batches):
    order_ids = add_orders(queue, 3)
    first = batches.take(2, wait_s=0)
    batches.note_over(ids_of(first))

    second = batches.take(2, wait_s=0)

    assert order_ids_of(second) == order_ids[2:]
    assert taken_of(queue) == ids_of(second)
    assert queue.connection.hget(WORKER_KEY, "successful_job_count") == b"2"
    assert keys_of(queue) == {
        "rq:queues",
        WORKER_KEY,
        queue.intermediate_queue_key,
        f"rq:job:{order_ids[2]}",
    }


def test_what_is_over_is_removed_before_the_next_is_waited_for(queue, batches):
    add_orders(queue, 1)
    batches.note_over(ids_of(batches.take(MOST, wait_s=0)))

    assert batches.take(MOST, wait_s=0.05) == []

    assert keys_of(queue) == {"rq:queues", WORKER_KEY}


def test_a_job_that_was_queued_twice_leaves_nothing_either(queue, batches):
    (order_id,) = add_orders(queue, 1)
    queue.push_job_id(str(order_id))

    jobs = batches.take(MOST, wait_s=0)
    batches.finish(ids_of(jobs))

    assert order_ids_of(jobs) == [order_id, order_id]
    assert keys_of(queue) == {"rq:queues", WORKER_KEY}


def test_what_could_not_be_removed_is_removed_by_the_next_call(queue, batches):
    add_orders(queue, 2)
    away = redis.Redis(port=1)
    (first,), (second,) = (batches.take(1, wait_s=0) for _ in range(2))
    there, batches._redis = batches._redis, away
    with pytest.raises(redis.ConnectionError):
        batches.finish([first.job_id])
    batches._redis = there

    batches.finish([second.job_id])

    assert keys_of(queue) == {"rq:queues", WORKER_KEY}


def test_jobs_that_are_put_back_are_the_next_in_their_order(queue, batches):
    order_ids = add_orders(queue, 4)

    batches.put_back(ids_of(batches.take(3, wait_s=0)))

    assert order_ids_of(batches.take(MOST, wait_s=0)) == order_ids


@pytest.mark.parametrize(
    "content",
    [
        (JOB, None, ("no-uuid",), {}),
        (JOB, None, (str(uuid4()), "more"), {}),
        (JOB, None, (), {"order_id": str(uuid4())}),
        (JOB, "instance", (str(uuid4()),), {}),
        (JOB, None, (7,), {}),
        ("os.getpid", None, (str(uuid4()),), {}),
        "no tuple",
    ],
)
def test_only_a_call_with_one_order_id_is_an_orders_job(content):
    data = zlib.compress(pickle.dumps(content))

    assert TakenJob(b"id", data).order(PlainPickles) is None


@pytest.mark.parametrize("data", [b"\x00garbage", b"", zlib.compress(b"garbage")])
def test_garbage_is_no_orders_job(data):
    assert TakenJob(b"id", data).order(PlainPickles) is None


class Trap:
    def __reduce__(self):
        return os._exit, (99,)  # ends whoever loads it


def test_reading_a_job_runs_no_code_that_it_names():
    data = zlib.compress(pickle.dumps((JOB, None, (Trap(),), {})))

    assert TakenJob(b"id", data).order(PlainPickles) is None


def test_a_job_of_another_function_is_refused_with_a_reason_and_not_run(queue, batches):
    queue.enqueue(operator.truth, Trap(), job_id="other", meta={"trap": Trap()})
    add_orders(queue, 1)
    other, order = batches.take(MOST, wait_s=0)
    assert (other.order(PlainPickles), isinstance(other.data, bytes)) == (None, True)

    batches.refuse(other.job_id, "not here")
    batches.finish([order.job_id])

    assert FailedJobRegistry(queue=queue).get_job_ids() == ["other"]
    job = Job.fetch("other", queue.connection, serializer=PlainPickles)
    result = job.latest_result()
    assert result is not None
    assert (job.get_status(), result.exc_string) == ("failed", "not here")
    assert taken_of(queue) == []


def test_what_rq_cannot_read_is_removed_and_costs_no_neighbour(queue, batches):
    client = queue.connection
    client.set("rq:job:text", "not a hash")
    client.hset("rq:job:empty", "status", "queued")
    client.hset("rq:job:half", mapping={"data": b"?", "timeout": "soon"})
    client.rpush(queue.key, "gone", "text", b"\xff\xfe", "empty", "half")
    (order_id,) = add_orders(queue, 1)

    jobs = batches.take(MOST, wait_s=0)

    assert [bool(job.data) for job in jobs] == [False] * 4 + [True] * 2
    assert order_ids_of(jobs)[-1] == order_id
    batches.finish(ids_of(jobs[:4]))
    batches.refuse(jobs[4].job_id, "not here")
    batches.finish([jobs[5].job_id])
    assert keys_of(queue) == {"rq:queues", WORKER_KEY}


def pass_a_minute(queue):
    """Let the time pass after which what was taken counts as stuck."""
    for key in queue.connection.scan_iter(f"{queue.intermediate_queue_key}:first*"):
        queue.connection.set(key, time.time() - 61)


def test_what_a_dead_worker_had_taken_is_queued_again_after_a_minute(queue, batches):
    order_ids = add_orders(queue, 2)
    queue.connection.rpush(queue.key, b"\xff\xfe")
    batches.take(MOST, wait_s=0)  # and dies

    assert batches.requeue_stuck() == 0
    assert batches.requeue_stuck() == 0
    pass_a_minute(queue)
    assert batches.requeue_stuck() == 3

    assert taken_of(queue) == []
    jobs = batches.take(MOST, wait_s=0)
    assert order_ids_of(jobs) == [*order_ids, None]


def test_what_a_stock_worker_is_working_on_is_left_to_it(queue, batches):
    (order_id,) = add_orders(queue, 1)
    job, _ = queue.dequeue_any([queue], None, queue.connection)
    stock = django_rq.get_worker("orders")
    stock.prepare_execution(job)
    batches.requeue_stuck()
    pass_a_minute(queue)

    assert batches.requeue_stuck() == 0

    assert taken_of(queue) == [str(order_id).encode()]
