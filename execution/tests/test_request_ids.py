"""The request that placed an order is found in its first event, its job and its worker's log."""

from __future__ import annotations

import pytest
from django.test import Client
from rq.job import Job

from dex.halting import halt_trading
from orders import queue as order_queue
from orders.models import Order, OrderEvent
from orders.tests.clients import PATH, order_text

from .processes import WORKER, environment_of, running

pytestmark = pytest.mark.early


def place(request_id: str) -> Order:
    answer = Client().post(
        PATH,
        order_text(),
        content_type="application/json",
        headers={"X-Request-ID": request_id},
    )
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (201, request_id)
    assert order_queue.flush(5)
    return Order.objects.get(id=answer.json()["orderId"])


async def test_a_workers_log_names_the_request_that_placed_the_order(
    queue, stage, tmp_path
):
    order = await stage.database.run(place, "placed-by-me.1")
    await stage.database.run(halt_trading, "for this test")

    environment = environment_of(stage, tmp_path / "wallet.json")
    async with running(environment, *WORKER) as worker:
        await worker.said(f"order {order.id} waits: ")
        await worker.said("request_id=placed-by-me.1")


async def test_the_first_event_and_the_job_name_the_request(queue, stage):
    order = await stage.database.run(place, "placed-by-me.2")

    events = OrderEvent.objects.filter(order_id=order.id)
    (data,) = await stage.database.run(
        lambda: list(events.values_list("data", flat=True))
    )
    assert data == {"requestId": "placed-by-me.2"}
    job = Job.fetch(str(order.id), queue.connection)
    assert job.kwargs == {"request_id": "placed-by-me.2"}
    assert job.description == (
        f"execution.jobs.execute_order('{order.id}', request_id='placed-by-me.2')"
    )


async def test_an_order_of_no_request_has_no_name_of_one(queue, stage):
    order_id = await stage.place()

    (first,) = await stage.history(order_id)
    assert first[2] == {}
    assert Job.fetch(str(order_id), queue.connection).kwargs == {}
