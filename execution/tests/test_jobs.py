from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

import django_rq
import pytest
from django.conf import settings
from django.db import connection

from orders.models import Status

from .steps import until

ORDER_WORKER = "execution.worker.OrderWorker"
MANAGE = Path(settings.BASE_DIR) / "manage.py"

pytestmark = pytest.mark.early


@pytest.fixture
def environment(stage, tmp_path):
    """What a worker process needs to find this test's database, Redis and chain."""
    django_rq.get_queue("orders").empty()  # of what other tests queued
    database = connection.settings_dict
    return os.environ | {
        "DATABASE_URL": (
            f"postgres://{database['USER']}@/{database['NAME']}"
            f"?{urlencode({'host': database['HOST']})}"
        ),
        "SOLANA_RPC_URLS": ",".join(stage.localnet.urls),
        "WALLET_KEYPAIR": str(tmp_path / "wallet.json"),
    }


@contextlib.asynccontextmanager
async def running_worker(environment, *options):
    """Start a worker; a test that fails leaves none behind on its database."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        str(MANAGE),
        "rqworker",
        "orders",
        *options,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield worker
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.communicate()


async def run_worker(environment, *options):
    async with running_worker(environment, "--burst", *options) as worker:
        output, _ = await worker.communicate()
        assert worker.returncode == 0, output.decode()


@pytest.mark.parametrize(
    "options",
    [(), (f"--worker-class={ORDER_WORKER}",)],
    ids=["stock worker", "order worker"],
)
async def test_a_worker_carries_queued_orders_to_their_end(stage, environment, options):
    order_ids = [await stage.place() for _ in range(2)]

    await run_worker(environment, *options)

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [order.status for order in orders] == [Status.CONFIRMED] * 2
    assert len(await stage.landed()) == 2


async def test_a_full_worker_that_is_stopped_gives_its_orders_back_in_time(
    stage, environment
):
    environment["ORDERS_IN_FLIGHT"] = "1"
    stage.set_localnet(dropRate=1)
    held, waiting = await stage.place(), await stage.place()
    async with running_worker(environment, f"--worker-class={ORDER_WORKER}") as worker:
        await until(stage, held, lambda order: order.status == Status.SUBMITTED)

        worker.terminate()
        async with asyncio.timeout(20):  # docker-compose.yml kills after 30 s
            output, _ = await worker.communicate()

    assert worker.returncode == 0, output.decode()
    for order_id in (held, waiting):
        order = await stage.order(order_id)
        assert (order.lease_owner, order.lease_until, order.idle_claims) == (
            "",
            None,
            0,
        )
