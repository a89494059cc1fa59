"""Clients that do not read: what they cost the web process, and how they end."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import websockets
from django.db import connection

from orders.models import Order, Status
from orders.tests.helpers import claim, make_order, move
from orders.tests.wire import client_frame
from orders.threads import in_thread
from ordersite.embedded.server import wait_until

from .silent_client import SilentClient
from .web import WebProcess, web_process

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
STALL_S = 2.0


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with impatient_web(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def other_web(transactional_db: None, tmp_path: Path) -> Iterator[WebProcess]:
    """One whose memory holds nothing yet of what other tests left behind."""
    with impatient_web(tmp_path) as running:
        yield running


def impatient_web(folder: Path) -> AbstractContextManager[WebProcess]:
    return web_process(folder, SOCKET_STALL_S=str(STALL_S))


def make_long_history(events: int, characters: int) -> Order:
    """Make an order with so many more events, of so many characters each."""
    order = make_order()
    noise = random.Random(events).randbytes(characters * 3 // 4)
    data = json.dumps({"note": base64.b64encode(noise).decode()})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_orderevent (order_id, sequence, status, attempt, data) "
            "SELECT %s, number, 'routing', 1, %s::jsonb FROM generate_series(2, %s) "
            "AS number",
            [order.id, data, events + 1],
        )
    Order.objects.filter(id=order.id).update(
        last_sequence=events + 1, status=Status.ROUTING
    )
    return order


async def latency_s(web: WebProcess) -> float:
    """Return how long an event of another order takes to reach its socket."""
    order = await in_thread(make_order)
    clock = asyncio.get_running_loop().time
    async with websockets.connect(f"{web.socket_url}?orderId={order.id}") as reader:
        assert json.loads(await reader.recv())["sequence"] == 1
        began = clock()
        await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))
        assert json.loads(await reader.recv())["sequence"] == 2
        return clock() - began


_at_rest: dict[WebProcess, int] = {}


async def at_rest_bytes(web: WebProcess) -> int:
    """Return what a process took when it had served its first socket.

    What one test leaves behind in it counts as growth in the next.
    """
    await latency_s(web)
    return _at_rest.setdefault(web, web.resident_bytes())


async def growth_bytes(web: WebProcess, clients: int, order_ids: list[object]) -> int:
    """Open silent sockets, wait until they are cut off, return the most they cost."""
    before = most = await at_rest_bytes(web)
    silent = [
        SilentClient(web, f"?orderId={order_ids[number % len(order_ids)]}")
        for number in range(clients)
    ]
    gone = asyncio.gather(
        *(asyncio.to_thread(client.wait_until_cut_off) for client in silent)
    )
    while not gone.done():
        # Beside them everybody else is served, at most one gap query late.
        assert await latency_s(web) < 2.0
        for _ in range(10):
            most = max(most, web.resident_bytes())
            await asyncio.wait([gone], timeout=0.02)
    await gone
    for client in silent:
        client.close()
    return most - before


async def test_a_client_that_never_reads_costs_little_and_is_cut_off(web):
    order = await in_thread(make_long_history, 192, 256 * 1024)  # 48 MiB

    assert await growth_bytes(web, 1, [order.id]) < 12 * MIB
    assert "did not read for 2 s and was cut off" in web.log.read_text()


@pytest.mark.prove
async def test_200_mib_for_one_client_that_never_reads(other_web):
    order = await in_thread(make_long_history, 800, 256 * 1024)

    assert await growth_bytes(other_web, 1, [order.id]) < 12 * MIB


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.prove)])
async def test_many_clients_that_never_read_cost_little_together(other_web, count):
    orders = [await in_thread(make_long_history, 512, 8 * 1024) for _ in range(4)]

    growth = await growth_bytes(other_web, count, [order.id for order in orders])

    assert growth < count * 0.3 * MIB


@pytest.mark.parametrize(
    "frame",
    [client_frame(0x9, b"x" * 125), client_frame(0x1, b"{}")],
    ids=["pings", "messages"],
)
async def test_a_client_that_only_sends_costs_little_and_is_cut_off(web, frame):
    before = await at_rest_bytes(web)
    client = SilentClient(web)

    batch = frame * max(1, 60_000 // len(frame))
    taken = await asyncio.to_thread(client.send_until_refused, batch, 96 * MIB)

    assert taken < 96 * MIB
    assert web.resident_bytes() - before < 24 * MIB
    assert await latency_s(web) < 2.0
    await asyncio.to_thread(client.wait_until_cut_off)
    client.close()


async def test_messages_that_come_faster_than_they_are_handled_wait_at_the_client(web):
    before = await at_rest_bytes(web)
    client = SilentClient(web)

    message = client_frame(0x1, b"x" * 60_000)
    assert await asyncio.to_thread(client.send_until_refused, message, 24 * MIB)

    assert web.resident_bytes() - before < 12 * MIB
    assert await latency_s(web) < 2.0
    client.close()


async def test_a_client_that_says_goodbye_and_does_not_read_is_let_go(web):
    order = await in_thread(make_long_history, 192, 64 * 1024)
    client = SilentClient(web, f"?orderId={order.id}")
    client.send(client_frame(0x8, (1000).to_bytes(2, "big")))

    # The kernel may go on trying to deliver what it took; the process is rid of it.
    assert await asyncio.to_thread(
        wait_until, lambda: client.port not in web.client_ports(), 2 * STALL_S
    )
    client.close()


async def test_a_client_that_rests_while_it_reads_gets_every_event_once(web):
    order = await in_thread(make_long_history, 192, 64 * 1024)  # 12 MiB
    address = f"{web.socket_url}?orderId={order.id}"
    seen = []
    async with websockets.connect(address, max_queue=1) as reader:
        for number in range(1, 194):
            seen.append(json.loads(await reader.recv())["sequence"])
            if number == 100:
                await asyncio.sleep(STALL_S / 2)  # the subject: a rest, not a wait

    assert seen == list(range(1, 194))
