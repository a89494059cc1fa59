"""A socket whose question cannot be answered: told why, and closed with its code."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from django.db import connections

from orders.models import Order
from orders.threads import in_thread

from .clients import open_socket, order_text
from .helpers import make_order, make_owner, make_token
from .unread_socket import unread_socket

pytestmark = pytest.mark.django_db(transaction=True)

BAD_QUERIES = {
    "no UUID": ("?orderId=1", 4400, "invalid_order_id"),
    "empty": ("?orderId=", 4400, "invalid_order_id"),
    "braces": (f"?orderId={{{uuid4()}}}", 4400, "invalid_order_id"),
    "twice": (f"?orderId={uuid4()}&orderId={uuid4()}", 4400, "invalid_order_id"),
    "SQL": ("?orderId=' OR 1=1 --", 4400, "invalid_order_id"),
    "unknown": (f"?orderId={uuid4()}", 4404, "order_not_found"),
    "after a word": (f"?orderId={uuid4()}&after=x", 4400, "invalid_after"),
    "after -1": (f"?orderId={uuid4()}&after=-1", 4400, "invalid_after"),
    "after 10 digits": (f"?orderId={uuid4()}&after=9999999999", 4400, "invalid_after"),
    "after x without order": ("?after=x", 4400, "invalid_after"),
    "after without order": ("?after=1", 4400, "missing_order_id"),
    "after 0 without order": ("?after=0", 4400, "missing_order_id"),
    "many": ("?" + "a=1&" * 50, 4400, "bad_request"),
    "misspelt": (f"?orderid={uuid4()}", 4400, "unknown_parameter"),
    "no UTF-8": ("?orderId=%ff", 4400, "invalid_order_id"),
}


@pytest.mark.parametrize(
    ("query", "close_code", "code"), BAD_QUERIES.values(), ids=BAD_QUERIES
)
async def test_a_bad_query_is_explained_and_closed_with_its_code(
    query, close_code, code
):
    async with open_socket(query) as socket:
        assert (await socket.frame())["code"] == code
        assert await socket.close_code() == close_code


async def test_after_may_not_be_ahead_of_the_order():
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}&after=2") as socket:
        assert (await socket.frame())["code"] == "invalid_after"
        assert await socket.close_code() == 4400


async def test_an_order_of_somebody_else_is_unknown():
    order = await in_thread(lambda: make_order(owner=make_owner("other")))
    async with open_socket(f"?orderId={order.id}") as socket:
        assert (await socket.frame())["code"] == "order_not_found"
        assert await socket.close_code() == 4404


async def test_without_a_database_a_socket_is_told_to_come_again(monkeypatch, tmp_path):
    monkeypatch.setitem(connections.settings["default"], "HOST", str(tmp_path))
    async with open_socket(f"?orderId={uuid4()}") as socket:
        assert (await socket.frame())["code"] == "database_unavailable"
        assert await socket.close_code() == 4503


@pytest.mark.parametrize("path", ["/api/orders/execute/", "/nope", "/"])
async def test_a_socket_at_a_wrong_path_is_told_so(path):
    async with open_socket(path=path) as socket:
        frame = await socket.frame()
        assert (frame["status"], frame["code"]) == (404, "not_found")
        assert "/api/orders/execute" in frame["detail"]
        assert await socket.close_code() == 4404


async def test_a_client_that_its_server_lets_wait_too_long_is_closed(settings):
    """Our own server cuts such a client off before; others only wait."""
    settings.SOCKET_STALL_S = 0
    order = await in_thread(make_order)

    async with unread_socket(f"orderId={order.id}") as socket:
        types = [(await socket.sent.get())["type"] for _ in range(2)]
        closing = await socket.sent.get()
        # More than has room anywhere: the end of the socket is read behind it.
        for _ in range(400):
            socket.receive("receive", text="{}")

    assert types == ["websocket.accept", "websocket.send"]
    assert closing["code"] == 4408


async def test_what_a_client_that_does_not_read_sent_is_placed(settings):
    settings.SOCKET_STALL_S = 0
    for make in (make_owner, lambda: make_token("A"), lambda: make_token("B")):
        await in_thread(make)

    async with unread_socket() as socket:
        for _ in range(400):
            socket.receive("receive", text=order_text())

    async with asyncio.timeout(10):
        while await in_thread(Order.objects.count) < 400:
            await asyncio.sleep(0.001)


async def test_what_a_refused_client_sends_holds_its_socket_up_for_nothing():
    async with asyncio.timeout(5) as limit, open_socket("?orderId=1") as socket:
        assert (await socket.frame())["code"] == "invalid_order_id"
        assert await socket.close_code() == 4400
        for _ in range(400):
            await socket.send("{}")

    assert not limit.expired()
