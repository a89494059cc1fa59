"""A socket without orderId: each message is an order, its events on the same socket."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

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

        assert again == first
        assert (other["status"], other["code"]) == (422, "idempotency_conflict")
        assert await socket.is_silent(0.1)
    assert await in_thread(count_orders) == 1


async def test_a_second_socket_with_the_key_gets_the_history_again():
    async with open_socket() as socket:
        first = await place(socket, idempotencyKey="k-1")
    async with open_socket() as socket:
        assert await place(socket, idempotencyKey="k-1") == first
        assert (await socket.frame())["sequence"] == 1


async def test_without_a_database_a_message_is_refused_and_the_next_one_works(
    monkeypatch, tmp_path
):
    async with open_socket() as socket:
        with monkeypatch.context() as away:
            away.setitem(connections.settings["default"], "HOST", str(tmp_path))
            problem = await place(socket)
        assert (problem["status"], problem["code"]) == (503, "database_unavailable")

        assert set(await place(socket)) == {"orderId", "wsUrl"}


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


async def test_a_socket_that_leaves_takes_no_order_with_it():
    async with open_socket() as socket:
        order_id = (await place(socket))["orderId"]

    await in_thread(carry_out, order_id)

    stored = await in_thread(lambda: Order.objects.get(id=order_id).status)
    assert stored == "confirmed"


def test_the_body_of_a_message_is_the_body_of_a_post():
    assert json.loads(order_text())["amountIn"] == 100
