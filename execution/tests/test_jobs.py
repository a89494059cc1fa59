from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

import django_rq
import pytest
from django.conf import settings

from orders.models import Status

from .processes import WORKER, environment_of, running
from .steps import until

pytestmark = pytest.mark.early


@pytest.fixture
def environment(stage, tmp_path):
    django_rq.get_queue("orders").empty()  # of what other tests queued
    return environment_of(stage, tmp_path / "wallet.json")


async def run_worker(environment, *options):
    async with running(
        environment, "rqworker", "orders", "--burst", *options
    ) as worker:
        code, output = await worker.ended()
        assert code == 0, output


@pytest.mark.parametrize(
    "options",
    [(), WORKER[2:]],
    ids=["stock worker", "order worker"],
)
async def test_a_worker_carries_queued_orders_to_their_end(stage, environment, options):
    order_ids = [await stage.place() for _ in range(2)]

    await run_worker(environment, *options)

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [order.status for order in orders] == [Status.CONFIRMED] * 2
    assert len(await stage.landed()) == 2


async def test_a_worker_that_starts_without_redis_waits_for_it(stage, environment):
    order_id = await stage.place()
    # Not tmp_path: a socket's path has room for 107 bytes.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        later = Path(folder) / "redis.sock"
        here = settings.REDIS_URL.removeprefix("unix://")
        environment["REDIS_URL"] = f"unix://{later}"
        async with running(environment, *WORKER, "--burst") as worker:
            await worker.said("waiting for Redis")
            later.symlink_to(here)
            code, output = await worker.ended()

    assert code == 0, output
    assert (await stage.order(order_id)).status == Status.CONFIRMED


async def test_a_full_worker_that_is_stopped_gives_its_orders_back_in_time(
    stage, environment
):
    environment["ORDERS_IN_FLIGHT"] = "1"
    stage.set_localnet(dropRate=1)
    held, waiting = await stage.place(), await stage.place()
    async with running(environment, *WORKER) as worker:
        await until(stage, held, lambda order: order.status == Status.SUBMITTED)

        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):  # docker-compose.yml kills after 30 s
            code, output = await worker.ended()

    assert code == 0, output
    # What was not taken is there for the next worker.
    assert django_rq.get_queue("orders").job_ids == [str(waiting)]
    for order_id in (held, waiting):
        order = await stage.order(order_id)
        assert (order.lease_owner, order.lease_until, order.idle_claims) == (
            "",
            None,
            0,
        )
