from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection

from orders.models import Status

MANAGE = Path(settings.BASE_DIR) / "manage.py"


@pytest.fixture
def environment(stage, tmp_path):
    """What a worker process needs to find this test's database, Redis and chain."""
    database = connection.settings_dict
    return os.environ | {
        "DATABASE_URL": (
            f"postgres://{database['USER']}@/{database['NAME']}"
            f"?{urlencode({'host': database['HOST']})}"
        ),
        "SOLANA_RPC_URLS": ",".join(stage.localnet.urls),
        "WALLET_KEYPAIR": str(tmp_path / "wallet.json"),
    }


async def run_worker(environment, *options):
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        str(MANAGE),
        "rqworker",
        "orders",
        "--burst",
        *options,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await worker.communicate()
    assert worker.returncode == 0, output.decode()


@pytest.mark.parametrize(
    "options",
    [(), ("--worker-class", "execution.worker.OrderWorker")],
    ids=["stock worker", "order worker"],
)
async def test_a_worker_carries_queued_orders_to_their_end(stage, environment, options):
    order_ids = [await stage.place() for _ in range(2)]

    await run_worker(environment, *options)

    orders = [await stage.order(order_id) for order_id in order_ids]
    assert [order.status for order in orders] == [Status.CONFIRMED] * 2
    assert len(await stage.landed()) == 2
