"""The examples of docs/examples do what they show, against real servers."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from orders.models import Order
from orders.tests.accounts import make_text, make_user
from orders.tests.clients import ORDER
from orders.tests.helpers import HAPPY_PATH, claim, make_order, make_token, move
from orders.threads import in_thread
from ordersite.chaos.proxy import Proxy

from .engine import RunningEngine
from .web import WebProcess, web_process

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"
A_MINUTE = 60


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the client."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    client = importlib.import_module("client")
    monkeypatch.setattr(client, "PAUSE_S", 0.01)
    return client


@pytest.fixture
def owner(transactional_db: None) -> User:
    return make_user("ada", "trader")


@pytest.fixture
def key(owner: User) -> str:
    return make_text(owner)


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    limits = {"ALLOW_ANONYMOUS": "0", "RATE_LIMIT_ORDERS": str(A_MINUTE)}
    with web_process(tmp_path_factory.mktemp("web"), **limits) as process:
        yield process


def run(engine: RunningEngine, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=os.environ | {"DEX_URL": engine.url, "DEX_KEY": engine.key},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_order_is_submitted_and_streamed_by_the_example_programs(running_engine):
    order_id, ws_url = run(running_engine, "submit.py", "A", "B", "0.5").split()
    lines = run(running_engine, "stream_with_resume.py", order_id).splitlines()
    rest = run(running_engine, "stream_with_resume.py", order_id, "2").splitlines()

    assert f"orderId={order_id}&ticket=" in ws_url
    events = [json.loads(line) for line in lines]
    assert [event["status"] for event in events] == [*HAPPY_PATH]
    assert rest == lines[2:]


async def test_a_stream_goes_on_after_each_cut_and_with_a_new_ticket(
    example, web, owner, key
):
    order = await in_thread(make_order, owner=owner)
    held = await in_thread(claim, order)
    steps = list(itertools.pairwise(HAPPY_PATH))
    proxy = Proxy(lambda: web.port)
    address = f"http://127.0.0.1:{await proxy.start()}"
    stale = f"{address}/api/orders/execute?orderId={order.id}&ticket=stale"
    events: list[dict[str, Any]] = []
    async with example.Client(address, key) as client:
        async for event in client.follow(str(order.id), stale.replace("http", "ws", 1)):
            events.append(event)
            if steps:
                assert proxy.reset() > 0  # with the next event still to come
                await in_thread(move, held, *steps.pop(0))
    await proxy.stop()

    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["status"] for event in events] == [*HAPPY_PATH]


async def test_a_submission_whose_answer_was_lost_is_sent_again_and_is_one_order(
    example, web: WebProcess, key
):
    for symbol in "AB":
        await in_thread(make_token, symbol)
    connections = itertools.count(1)

    def upstream() -> int:
        if next(connections) > 1:
            proxy.flow()
        return web.port

    proxy = Proxy(upstream)
    address = f"http://127.0.0.1:{await proxy.start()}"
    proxy.cut_after(10)  # bytes of the first answer
    async with example.Client(address, key) as client:
        placed = await client.submit(ORDER)
    await proxy.stop()

    stored = await in_thread(Order.objects.get)
    assert placed.order_id == str(stored.id)
    assert not placed.is_new


async def test_what_is_refused_for_good_is_raised_with_its_status_and_code(
    example, web, owner, key
):
    order = await in_thread(make_order, owner=owner)
    foreign = await in_thread(make_order)
    viewer = await in_thread(lambda: make_text(make_user("eve", "viewer")))
    await in_thread(_confirm, order)
    refusals = []
    for text, ask in (
        ("dex_unknown", lambda client: client.submit(ORDER)),
        (viewer, lambda client: client.submit(ORDER)),
        (key, lambda client: client.order(str(foreign.id))),
        (key, lambda client: client.submit(ORDER | {"invented": 1})),
        (key, lambda client: anext(client.follow(str(foreign.id)))),
    ):
        async with example.Client(web.url, text) as client:
            with pytest.raises(example.Refused) as raised:
                await ask(client)
        refusals.append((raised.value.status, raised.value.code))

    assert refusals == [
        (401, "invalid_key"),
        (403, "missing_scope"),
        (404, "order_not_found"),
        (400, "validation_failed"),
        (404, "order_not_found"),
    ]
    async with example.Client(web.url, key) as client:
        with pytest.raises(example.Refused, match="409 cancel_conflict"):
            await client.cancel(str(order.id))


def _confirm(order: Order) -> None:
    held = claim(order)
    for step in itertools.pairwise(HAPPY_PATH):
        move(held, *step)


async def test_over_the_limit_the_client_comes_back_when_the_server_says(
    example, web, owner, key
):
    nobody = "/api/orders/x/cancel"
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        statuses = []
        while 429 not in statuses:
            async with http.post(web.url + nobody) as answer:
                statuses.append(answer.status)
    began = time.monotonic()
    async with example.Client(web.url, key) as client:
        with pytest.raises(example.Refused, match="404 order_not_found"):
            await client.cancel("x")

    assert len(statuses) > A_MINUTE
    assert time.monotonic() - began > 0.5  # and not after the client's own 0.01 s
