"""The worker's Redis is killed, emptied and frozen, while it is idle and while it takes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from redis import Redis
from rq.command import send_shutdown_command
from rq.worker import BaseWorker

from execution.keeper import keep
from execution.tests.processes import WORKER, environment_of, running
from execution.tests.steps import until
from orders.models import OPEN, Order, Status
from orders.queue import QueueSender
from orders.tests.faults import frozen
from ordersite.embedded import Layout, Valkey

pytestmark = pytest.mark.early

WAITING, BACK = "waiting for Redis", "Redis answers again"


@pytest.fixture
def valkey():
    """A Valkey for the worker and this test alone; the others keep theirs."""
    with TemporaryDirectory(prefix="dex-own-") as folder:
        server = Valkey(Layout(Path(folder)))
        server.start()
        yield server
        server.stop()
        shutil.rmtree(server.layout.sockets, ignore_errors=True)


@pytest.fixture
def environment(stage, valkey, tmp_path):
    environment = environment_of(stage, tmp_path / "wallet.json")
    return environment | {"REDIS_URL": valkey.layout.redis_url}


def restart_empty(valkey):
    valkey.process.kill()
    valkey.process.wait()
    shutil.rmtree(valkey.layout.var_dir / "valkey")
    valkey.start()


def workers_of(valkey):
    with Redis.from_url(valkey.layout.redis_url) as client:
        return [worker.name for worker in BaseWorker.all(client)]


async def place(stage, valkey):
    """Place an order whose job waits in the worker's own Redis."""
    order_id = await stage.place()
    QueueSender(valkey.layout.redis_url).enqueue(order_id)
    return order_id


async def confirmed(stage, order_id):
    await until(stage, order_id, lambda order: order.status == Status.CONFIRMED)


async def test_an_idle_worker_outlives_its_redis_and_registers_itself_again(
    stage, valkey, environment
):
    async with running(environment, *WORKER, "--name", "tester") as worker:
        await confirmed(stage, await place(stage, valkey))

        restart_empty(valkey)
        await worker.said(BACK)
        assert workers_of(valkey) == ["tester"]
        await confirmed(stage, await place(stage, valkey))

        with frozen(psutil.Process(valkey.process.pid)):
            worker.forget()
            await worker.said(WAITING)
        await worker.said(BACK)
        assert workers_of(valkey) == ["tester"]
        await confirmed(stage, await place(stage, valkey))

        # Its subscription to commands is a new one, too.
        with Redis.from_url(valkey.layout.redis_url) as client:
            send_shutdown_command(client, "tester")
        code, output = await worker.ended()

    assert code == 0, output


@contextlib.contextmanager
def killed(valkey):
    """Away inside the block; afterwards it has what it had saved."""
    valkey.process.kill()
    valkey.process.wait()
    yield
    valkey.start()


@contextlib.contextmanager
def standing_still(valkey):
    with frozen(psutil.Process(valkey.process.pid)):
        yield


def open_of(order_ids):
    return Order.objects.filter(id__in=order_ids, status__in=OPEN).count()


@pytest.mark.parametrize("away", [killed, standing_still])
async def test_orders_end_although_redis_goes_away_while_their_jobs_are_taken(
    stage, valkey, environment, make_runner, away
):
    environment["ORDERS_IN_FLIGHT"] = "4"
    stage.localnet.network.faults.add({"kind": "landLate", "delayS": 0.2})
    order_ids = [await place(stage, valkey) for _ in range(20)]
    async with running(environment, *WORKER) as worker:
        await confirmed(stage, order_ids[0])
        with away(valkey):
            await worker.said(WAITING)
        await worker.said(BACK)
        # An answer that was lost took jobs with it; a keeper has their orders then.
        keeper = await make_runner(owner="keeper")
        rounds = asyncio.create_task(keep(keeper, round_s=0.1))
        async with asyncio.timeout(60):
            while await stage.database.run(open_of, order_ids):
                await asyncio.sleep(0.02)
        rounds.cancel()

        valkey.stop()
        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):  # docker-compose.yml kills after 30 s
            code, output = await worker.ended()

    assert code == 0, output
    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [(o.status, o.attempt) for o in orders] == [(Status.CONFIRMED, 1)] * 20
    assert len(await stage.landed()) == 20
