"""POST over real HTTP: what a client is promised when processes and Redis fail."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import psutil
import pytest

from orders.models import Order, OrderEvent
from orders.tests.clients import PATH, order_text
from orders.tests.faults import frozen
from orders.threads import in_thread
from ordersite.embedded import Layout, Valkey
from ordersite.embedded.server import wait_until

from .web import WebProcess, web_process

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tokens"),
]

AT_ONCE = 10


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    layout = Layout(tmp_path_factory.mktemp("valkey"))
    server = Valkey(layout)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(layout.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    """A web process with a Valkey of its own, which a test may freeze."""
    folder = tmp_path_factory.mktemp("web")
    with web_process(folder, REDIS_URL=valkey.layout.redis_url) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def post(
    client: aiohttp.ClientSession, web: WebProcess, key: str = "", **overrides: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": key} if key else {}
    body = order_text(**overrides)
    async with client.post(web.url + PATH, data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.parametrize("posts", [100, pytest.param(300, marks=pytest.mark.prove)])
async def test_a_redis_that_stalls_slows_no_post_beyond_a_second(
    web, valkey, client, posts
):
    """Neither the queue nor the channel layer, both with connections that were warm."""
    clock = asyncio.get_running_loop().time
    seconds: list[float] = []
    left = iter(range(posts))

    async def post_some() -> None:
        for _ in left:
            began = clock()
            status, _ = await post(client, web)
            seconds.append(clock() - began)
            assert status == 201

    for _ in range(5):
        assert (await post(client, web))[0] == 201
    with frozen(psutil.Process(valkey.process.pid)):
        await asyncio.gather(*(post_some() for _ in range(AT_ONCE)))
        assert await in_thread(
            wait_until, lambda: "was not queued" in web.log.read_text(), 10.0
        )

    assert max(seconds) < 1.0
    assert await in_thread(Order.objects.count) == posts + 5


async def test_a_web_process_killed_before_it_answers_loses_no_order(
    web, tmp_path, client
):
    """The same key brings the order, which then waits for the keeper."""
    with (
        web_process(tmp_path, DIE_AFTER_COMMIT="1") as dying,
        pytest.raises(aiohttp.ClientError),
    ):
        await post(client, dying, "once")
    stored = await in_thread(Order.objects.get)
    again = await post(client, web, "once", amountIn="100.00")
    other = await post(client, web, "once", amountIn=101)

    assert (again[0], again[1]["orderId"]) == (200, str(stored.id))
    assert (other[0], other[1]["code"]) == (422, "idempotency_conflict")
    assert await in_thread(Order.objects.count) == 1
    assert (stored.status, stored.lease_until) == ("pending", None)
    assert stored.due_at is not None


async def test_32_posts_at_once_with_one_key_make_one_order_in_two_processes(
    web, tmp_path, client
):
    spellings = itertools.cycle([100, "100", "100.0", 100.0, "100.000000000"])
    with web_process(tmp_path) as second:
        async with client.get(second.url + "/healthz"):
            pass  # it has begun
        answers = await asyncio.gather(
            *(
                post(client, each, "race", amountIn=next(spellings))
                for each in (web, second) * 16
            )
        )

    assert sorted(status for status, _ in answers) == [200] * 31 + [201]
    stored = await in_thread(Order.objects.get)
    assert {body["orderId"] for _, body in answers} == {str(stored.id)}
    assert await in_thread(OrderEvent.objects.count) == 1
