"""A real worker on a real queue: full, suspended, commanded, and fed with garbage."""

from __future__ import annotations

import asyncio
import signal
import time

import django_rq
import pytest
from rq.command import send_shutdown_command
from rq.registry import FailedJobRegistry
from rq.suspension import resume, suspend
from rq.worker import BaseWorker

from execution.job_batches import JobBatches
from orders.models import Order, Status

from .processes import WORKER, environment_of, running
from .steps import until

pytestmark = pytest.mark.early

CONFIRMED = Status.CONFIRMED


@pytest.fixture
def environment(queue, stage, tmp_path):
    return environment_of(stage, tmp_path / "wallet.json")


def taken_of(queue):
    return queue.connection.lrange(queue.intermediate_queue_key, 0, -1)


async def until_confirmed(stage, order_ids):
    for order_id in order_ids:
        await until(stage, order_id, lambda order: order.status == CONFIRMED)


def count_of(status):
    return Order.objects.filter(status=status).count()


async def test_jobs_that_name_no_order_stop_neither_the_worker_nor_their_neighbours(
    queue, stage, environment, tmp_path
):
    first = await stage.place()
    marker = tmp_path / "was-run"
    queue.enqueue("pathlib.Path.touch", marker, job_id="another-function")
    queue.enqueue("execution.jobs.execute_order", "garbage", job_id="no-uuid")
    queue.connection.rpush(queue.key, "its-hash-is-gone", b"\xff\xfe")
    queue.connection.hset("rq:job:garbage", mapping={"data": b"\x00", "origin": "o"})
    queue.push_job_id("garbage")
    last = await stage.place()

    async with running(environment, *WORKER, "--burst") as worker:
        code, output = await worker.ended()

    assert code == 0, output
    for order_id in (first, last):
        assert (await stage.order(order_id)).status == CONFIRMED
    failed = FailedJobRegistry(queue=queue)
    assert sorted(failed.get_job_ids()) == ["another-function", "no-uuid"]
    reason = queue.fetch_job("another-function").latest_result().exc_string
    assert "carries out orders and nothing else" in reason
    assert not marker.exists()
    assert (queue.job_ids, taken_of(queue)) == ([], [])


async def test_a_full_worker_leaves_jobs_in_the_queue_until_places_become_free(
    queue, stage, environment
):
    environment["ORDERS_IN_FLIGHT"] = "2"
    rule = {"kind": "landLate", "delayS": 1.0}
    stage.localnet.network.faults.add(rule)
    order_ids = [await stage.place() for _ in range(5)]

    async with running(environment, *WORKER) as worker:
        async with asyncio.timeout(20):
            while await stage.database.run(count_of, Status.SUBMITTED) < 2:
                await asyncio.sleep(0.005)
        waiting, taken = queue.job_ids, taken_of(queue)
        await until_confirmed(stage, order_ids)
        worker.send_signal(signal.SIGTERM)
        code, output = await worker.ended()

    assert code == 0, output
    assert (waiting, taken) == ([str(order_id) for order_id in order_ids[2:]], [])
    assert len(await stage.landed()) == 5
    # Nothing is left of any job or worker but the name of the queue.
    left = {k for k in queue.connection.scan_iter("rq:*") if not k.startswith(b"rq:w")}
    assert left == {b"rq:queues"}


async def test_a_suspended_worker_takes_nothing_until_it_is_resumed_and_obeys_commands(
    queue, stage, environment
):
    suspend(queue.connection)
    order_id = await stage.place()
    async with running(environment, *WORKER, "--name", "tester") as worker:
        await worker.said("suspended")
        assert queue.job_ids == [str(order_id)]

        resume(queue.connection)
        await until_confirmed(stage, [order_id])

        assert [w.name for w in BaseWorker.all(queue.connection)] == ["tester"]
        queue.connection.publish("rq:pubsub:tester", "garbage")
        await worker.said("this is no command")
        send_shutdown_command(queue.connection, "tester")
        code, output = await worker.ended()

    assert code == 0, output
    assert BaseWorker.all(queue.connection) == []


async def test_what_a_killed_worker_had_taken_is_finished_by_the_next(
    queue, stage, environment
):
    order_id = await stage.place()
    killed = JobBatches(queue, worker_key="rq:worker:killed", worker_name="killed")
    assert len(killed.take(10, wait_s=0)) == 1
    assert killed.requeue_stuck() == 0
    (seen,) = queue.connection.scan_iter(f"{queue.intermediate_queue_key}:first*")
    queue.connection.set(seen, time.time() - 61)  # a minute later

    async with (
        asyncio.timeout(60),
        running(environment, *WORKER, "--max-jobs", "1") as worker,
    ):
        code, output = await worker.ended()

    assert code == 0, output
    assert (await stage.order(order_id)).status == CONFIRMED
    assert (queue.job_ids, taken_of(queue)) == ([], [])
    assert FailedJobRegistry(queue=queue).get_job_ids() == []


async def test_a_worker_takes_no_more_jobs_than_it_was_told(queue, stage, environment):
    order_ids = [await stage.place() for _ in range(3)]

    async with running(environment, *WORKER, "--max-jobs", "2") as worker:
        code, output = await worker.ended()

    assert code == 0, output
    assert queue.job_ids == [str(order_ids[2])]
    assert await stage.database.run(count_of, CONFIRMED) == 2


@pytest.mark.parametrize(
    ("queues", "options", "complaint"),
    [
        (["orders"], {"with_scheduler": True}, "OrderWorker runs no scheduler"),
        (["orders", "orders"], {}, "OrderWorker serves one queue, not 2"),
    ],
)
def test_what_the_worker_does_not_serve_is_refused_at_its_start(
    queue, queues, options, complaint
):
    worker = django_rq.get_worker(*queues, worker_class="execution.worker.OrderWorker")

    with pytest.raises(SystemExit, match=complaint):
        worker.work(**options)

    assert BaseWorker.all(queue.connection) == []
