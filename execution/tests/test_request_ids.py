"""The request that placed an order is found in its first event, its job and its worker's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client
from rq.job import Job

from dex import log_context
from dex.halting import halt_trading
from execution.job_batches import PlainPickles, TakenJob
from orders import queue as order_queue
from orders.models import Order, OrderEvent, Status
from orders.tests.clients import PATH, open_socket, order_text

from .processes import WORKER, environment_of, running

pytestmark = pytest.mark.early

LOGGERS = [logging.getLogger(name) for name in ("orders.placing", "execution.runner")]


class Told(logging.Handler):
    """Keeps the messages of records, with the ids that a formatter finds for them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        here = log_context.subject()
        request_id = getattr(record, "request_id", here.request_id)
        order_id = getattr(record, "order_id", here.order_id)
        self.lines.append((record.getMessage(), request_id, order_id))


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, str]]]:
    """Return what is told of orders at DEBUG, as it comes."""
    handler = Told()
    for logger in LOGGERS:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield handler.lines
    for logger in LOGGERS:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


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


async def test_at_debug_web_and_worker_tell_of_an_order_that_goes_well(
    queue, stage, make_runner, told
):
    runner = await make_runner()
    order = await stage.database.run(place, "placed-by-me.3")
    await runner.take(order.id, "placed-by-me.3")
    await runner.finished()

    assert (await stage.order(order.id)).status == Status.CONFIRMED
    assert told == [
        (f"order {order.id} is {step}", "placed-by-me.3", str(order.id))
        for step in ("stored", "taken", "let go")
    ]


async def test_above_debug_they_write_nothing_of_it(queue, stage, make_runner, told):
    for logger in LOGGERS:
        logger.setLevel(logging.INFO)
    runner = await make_runner()
    order = await stage.database.run(place, "placed-by-me.4")
    await runner.take(order.id, "placed-by-me.4")
    await runner.finished()

    assert told == []


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


async def test_an_order_of_a_socket_has_the_name_of_its_handshake_and_its_number(
    queue, stage
):
    name = "n" * 64
    async with open_socket("", [(b"x-request-id", name.encode())]) as socket:
        await socket.send("[]")
        refused = await socket.frame()
        await socket.send(order_text())
        placed, event = await socket.frames(2)

    assert refused["requestId"] == f"{name}.1"
    assert placed["requestId"] == event["data"]["requestId"] == f"{name}.2"
    assert await stage.database.run(order_queue.flush, 5)
    job = Job.fetch(placed["orderId"], queue.connection)
    assert job.kwargs == {"request_id": f"{name}.2"}
    taken = TakenJob(job.id.encode(), job.to_dict()["data"])
    assert taken.order(PlainPickles) == (UUID(placed["orderId"]), f"{name}.2")


async def test_a_socket_whose_handshake_has_no_name_gets_one(queue, stage):
    answers = []
    for headers in ((), [(b"x-request-id", b"no good\n")]):
        async with open_socket("?orderId=x", headers) as socket:
            answers.append((await socket.frame())["requestId"])

    assert answers[0] != answers[1]
    assert all(len(name) == 32 and name.isalnum() for name in answers)


async def test_an_order_of_no_request_has_no_name_of_one(queue, stage):
    order_id = await stage.place()

    (first,) = await stage.history(order_id)
    assert first[2] == {}
    assert Job.fetch(str(order_id), queue.connection).kwargs == {}
