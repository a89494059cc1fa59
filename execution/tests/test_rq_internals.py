"""What the worker leans on in how RQ stores jobs, which no upgrade may change unseen.

Each test fails with what to look at: `execution/job_batches.py`.
"""

from __future__ import annotations

import inspect
import time
import zlib
from uuid import uuid4

from rq import SimpleWorker
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.version import VERSION

from orders import queue as order_queue
from orders.job_template import FAILURE_TTL_S, JOB

BATCHES = "RQ stores jobs in another way now: change execution/job_batches.py with it"


def test_rq_is_the_version_that_was_read():
    assert VERSION == "2.12.0", (
        "RQ was upgraded. The tests of the files test_rq_*internals.py say which of its internals are "
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
