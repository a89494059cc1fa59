"""Queueing jobs of finished orders again, as a superuser can in the admin, moves nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rq.registry import FailedJobRegistry

from orders import queue as order_queue
from orders.models import Order, OrderEvent, Status

from .processes import WORKER, environment_of, running
from .steps import until

pytestmark = pytest.mark.early

PAGES = "/admin/django_rq/dashboard/queues/0/"


def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def requeue_all() -> int:
    """Press the button of the queue's page; return the status of the answer."""
    return superuser().post(f"{PAGES}requeue-all/").status_code


def everything_stored():
    return (
        list(Order.objects.order_by("id").values()),
        list(OrderEvent.objects.order_by("id").values()),
    )


def fail(queue, order_ids):
    """Leave the jobs of orders among the failed ones, as RQ does with what broke off."""
    for order_id in order_ids:
        order_queue.enqueue(order_id)
    assert order_queue.flush(5)
    registry = FailedJobRegistry(queue=queue)
    for order_id in order_ids:
        job = queue.fetch_job(str(order_id))
        registry.add(job, ttl=600, exc_string="on purpose")
        queue.remove(job)


async def test_jobs_of_confirmed_orders_that_are_queued_again_swap_nothing(
    queue, stage, tmp_path
):
    order_ids = [await stage.place() for _ in range(20)]
    environment = environment_of(stage, tmp_path / "wallet.json")
    async with running(environment, *WORKER) as worker:
        for order_id in order_ids:
            await until(stage, order_id, lambda order: order.status == Status.CONFIRMED)
        worker.process.terminate()
        assert (await worker.ended())[0] == 0
    stored = await stage.database.run(everything_stored)
    landed = await stage.landed()
    assert len(landed) == 20

    fail(queue, order_ids)
    assert await stage.database.run(requeue_all) == 302
    assert sorted(queue.job_ids) == sorted(map(str, order_ids))
    async with running(environment, *WORKER, "--burst") as worker:
        code, output = await worker.ended()

    assert (code, queue.job_ids) == (0, []), output
    assert await stage.landed() == landed
    assert await stage.database.run(everything_stored) == stored
