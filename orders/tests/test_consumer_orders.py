"""A socket without orderId: each message is an order, its events on the same socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, connections

from orders.hub import current_hub
from orders.models import Order, Status
from orders.threads import in_thread

from .clients import Socket, open_socket, order_text
from .helpers import HAPPY_PATH, claim, make_owner, make_token, move

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def tokens(transactional_db):
    make_owner()
    make_token("A")
    make_token("B", decimals=6)


def carry_out(order_id: str) -> None:
    held = claim(Order.objects.get(id=UUID(order_id)))
    for old, new in itertools.pairwise(HAPPY_PATH):
        move(held, Status(old), Status(new))


ACCEPTED = {"orderId", "wsUrl", "requestId"}


def count_orders() -> int:
    return Order.objects.count()


async def place(socket: Socket, **overrides: Any) -> dict[str, Any]:
    await socket.send(order_text(**overrides))
    return await socket.frame()


async def test_an_order_is_answered_and_then_streams_on_the_same_socket():
    async with open_socket("", [(b"host", b"localhost:8000")]) as socket:
        accepted = await place(socket)
        order_id = accepted["orderId"]
        await in_thread(carry_out, order_id)
        events = await socket.frames(5)

        assert accepted == {
            "orderId": order_id,
            "wsUrl": f"ws://localhost:8000/api/orders/execute?orderId={order_id}",
            "requestId": events[0]["data"]["requestId"],
        }
        assert [event["status"] for event in events] == list(map(str, HAPPY_PATH))
        assert {event["orderId"] for event in events} == {order_id}
        # The socket stays open for the next order.
        assert (await place(socket))["orderId"] != order_id


async def test_60_orders_over_one_socket_each_stream_once_and_in_order():
    async with open_socket() as socket:
        for _ in range(60):
            await socket.send(order_text())
        frames = [await socket.frame() for _ in range(120)]
        order_ids = [frame["orderId"] for frame in frames if "wsUrl" in frame]
        moving = [
            asyncio.create_task(in_thread(carry_out, order_id))
            for order_id in order_ids[:15]
        ]
        frames += await socket.frames(4 * 15)
        await asyncio.gather(*moving)
        assert await socket.is_silent(0.05)

    assert len(set(order_ids)) == 60 == await in_thread(count_orders)
    for place_in_row, order_id in enumerate(order_ids):
        own = [frame for frame in frames if frame["orderId"] == order_id]
        assert "wsUrl" in own[0]
        count = 5 if place_in_row < 15 else 1
        assert [frame["sequence"] for frame in own[1:]] == list(range(1, count + 1))


async def test_a_key_makes_a_message_repeatable_and_its_events_come_once():
    async with open_socket() as socket:
        first = await place(socket, idempotencyKey="k-1")
        assert (await socket.frame())["sequence"] == 1
        again = await place(socket, idempotencyKey="k-1")
        other = await place(socket, idempotencyKey="k-1", amountIn=7)

        assert again["orderId"] == first["orderId"]
        assert (other["status"], other["code"]) == (422, "idempotency_conflict")
        assert await socket.is_silent(0.1)
    assert await in_thread(count_orders) == 1


async def test_a_second_socket_with_the_key_gets_the_history_again():
    async with open_socket() as socket:
        first = await place(socket, idempotencyKey="k-1")
    async with open_socket() as socket:
        again = await place(socket, idempotencyKey="k-1")
        assert again["orderId"] == first["orderId"]
        assert (await socket.frame())["sequence"] == 1


async def test_without_a_database_a_message_is_refused_and_the_next_one_works(
    monkeypatch, tmp_path
):
    async with open_socket() as socket:
        await place(socket)  # by now it is known whose socket this is
        assert (await socket.frame())["status"] == "pending"
        with monkeypatch.context() as away:
            away.setitem(connections.settings["default"], "HOST", str(tmp_path))
            problem = await place(socket)
        assert (problem["status"], problem["code"]) == (503, "database_unavailable")

        assert set(await place(socket)) == ACCEPTED


async def test_answers_come_in_the_order_of_the_messages():
    bodies = [order_text(), "rubbish", order_text(), "[]", order_text(amountIn=0)]
    async with open_socket() as socket:
        for body in bodies:
            await socket.send(body)
        frames = [await socket.frame() for _ in range(7)]

    answers = [frame for frame in frames if "sequence" not in frame]
    assert [frame.get("code", "placed") for frame in answers] == [
        "placed",
        "malformed_json",
        "placed",
        "not_an_object",
        "validation_failed",
    ]


@contextlib.asynccontextmanager
async def orders_held_up() -> AsyncIterator[None]:
    """Have somebody else keep the table of orders for the length of a block."""
    other = await in_thread(psycopg.connect, **connection.get_connection_params())
    with other:
        other.execute("LOCK TABLE orders_order IN SHARE MODE")
        yield


async def until_waiting(count: int) -> None:
    """Wait until one message is being placed, and so many wait for it."""
    asked = current_hub().placements._asked
    async with asyncio.timeout(10):
        while asked._calling is None or len(asked._waiting) != count:
            await asyncio.sleep(0.001)


def count_transactions() -> int:
    """Return by how many transactions the orders were stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM orders_order")
        return int(cursor.fetchone()[0])


async def test_what_comes_while_an_order_is_stored_is_stored_together_next():
    bodies = [order_text(), "rubbish", order_text(amountIn=0), order_text()]
    async with open_socket() as one, open_socket() as other:
        async with orders_held_up():
            await one.send(order_text())
            await until_waiting(0)
            for socket in (one, other):
                for body in bodies:
                    await socket.send(body)
            await until_waiting(8)
        frames = {
            one: [await one.frame() for _ in range(8)],
            other: [await other.frame() for _ in range(6)],
        }

    for socket, before in ((one, ["placed"]), (other, [])):
        answers = [frame for frame in frames[socket] if "sequence" not in frame]
        assert [frame.get("code", "placed") for frame in answers] == [
            *before,
            "placed",
            "malformed_json",
            "validation_failed",
            "placed",
        ]
    assert await in_thread(count_orders) == 5
    assert await in_thread(count_transactions) == 2


async def test_of_one_socket_no_more_than_32_orders_wait_for_their_answer():
    async with open_socket() as socket:
        async with orders_held_up():
            await socket.send(order_text())
            await until_waiting(0)
            for _ in range(49):
                await socket.send(order_text())
            # One is being stored, one is taken already, and 32 wait behind that.
            await until_waiting(33)
            assert await socket.is_silent(0.05)
            await until_waiting(33)
        frames = [await socket.frame() for _ in range(100)]

    assert sum("wsUrl" in frame for frame in frames) == 50
    assert await in_thread(count_orders) == 50


async def test_an_order_is_stored_although_its_socket_left_meanwhile():
    async with orders_held_up(), open_socket() as socket:
        await socket.send(order_text())
        await until_waiting(0)
        await socket.send(order_text(amountIn=7))
        await until_waiting(1)

    async with asyncio.timeout(10):
        while await in_thread(count_orders) < 2:
            await asyncio.sleep(0.001)


async def test_a_message_that_is_longer_than_a_body_may_be_is_refused():
    async with open_socket() as socket:
        problem = await place(socket, memo="x" * 65_536)
        assert (problem["status"], problem["code"]) == (413, "body_too_large")

        assert set(await place(socket)) == ACCEPTED


async def test_a_socket_that_leaves_takes_no_order_with_it():
    async with open_socket() as socket:
        order_id = (await place(socket))["orderId"]

    await in_thread(carry_out, order_id)

    stored = await in_thread(lambda: Order.objects.get(id=order_id).status)
    assert stored == "confirmed"


def test_the_body_of_a_message_is_the_body_of_a_post():
    assert json.loads(order_text())["amountIn"] == 100
