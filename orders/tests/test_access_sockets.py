"""Whose sockets they are: headers, tickets, and what each lets in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from orders.access.principal import Scope
from orders.models import Order
from orders.threads import in_thread

from .accounts import BOTH, make_text, make_user, socket_headers
from .clients import open_socket, order_text
from .helpers import make_order

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]


async def refused(query: str, headers: list[tuple[bytes, bytes]]) -> tuple[str, int]:
    """Return the code and the close code with which a socket is refused."""
    async with open_socket(query, headers) as socket:
        frame = await socket.frame()
        return frame["code"], await socket.close_code()


async def first_event(query: str, headers: Any = ()) -> dict[str, Any]:
    async with open_socket(query, headers) as socket:
        return await socket.frame()


async def with_key(
    username: str, scopes: Any = BOTH
) -> tuple[User, list[tuple[bytes, bytes]]]:
    def make() -> tuple[User, list[tuple[bytes, bytes]]]:
        user = make_user(username, "trader")
        return user, socket_headers(make_text(user, scopes))

    return await in_thread(make)


async def test_without_a_key_no_socket_opens():
    order = await in_thread(make_order)

    for query in ("", f"?orderId={order.id}", f"?orderId={uuid4()}"):
        assert await refused(query, []) == ("authentication_required", 4401)


@pytest.mark.parametrize("header", ["Basic x", "Bearer ", "Bearer dex_x", "x"])
async def test_a_bad_key_opens_no_socket(settings, header):
    settings.ALLOW_ANONYMOUS = True
    headers = [(b"authorization", header.encode())]

    assert await refused("", headers) == ("invalid_key", 4401)


async def test_two_keys_are_none():
    _, one = await with_key("ada")

    assert await refused("", one + one) == ("invalid_key", 4401)


async def test_what_a_refused_socket_sends_is_not_placed():
    async with open_socket() as socket:
        await socket.send(order_text())
        assert (await socket.frame())["code"] == "authentication_required"
        assert await socket.close_code() == 4401

    assert await in_thread(Order.objects.count) == 0


async def test_a_socket_streams_its_owners_order_and_nobody_elses():
    ada, adas = await with_key("ada")
    _, eves = await with_key("eve")
    order = await in_thread(lambda: make_order(owner=ada))
    query = f"?orderId={order.id}"

    assert (await first_event(query, adas))["orderId"] == str(order.id)
    assert await refused(query, eves) == ("order_not_found", 4404)
    assert await refused(f"?orderId={uuid4()}", eves) == ("order_not_found", 4404)


async def test_orders_over_a_socket_need_the_scope_trade_and_streams_read():
    ada, reads = await with_key("ada", [Scope.READ])
    _, trades = await with_key("ada", [Scope.TRADE])
    order = await in_thread(lambda: make_order(owner=ada))

    assert await refused("", reads) == ("missing_scope", 4403)
    assert await refused(f"?orderId={order.id}", trades) == ("missing_scope", 4403)
    assert (await first_event(f"?orderId={order.id}", reads))["sequence"] == 1


async def test_orders_over_a_socket_are_its_owners_and_no_other_socket_hears_of_them():
    ada, adas = await with_key("ada")
    _, eves = await with_key("eve")
    async with open_socket("", eves) as eve, open_socket("", adas) as socket:
        await socket.send(order_text(idempotencyKey="k"))
        placed = await socket.frame()
        assert (await socket.frame())["status"] == "pending"
        assert await eve.is_silent(0.1)
        await eve.send(order_text(idempotencyKey="k"))
        assert (await eve.frame())["orderId"] != placed["orderId"]

    order = await in_thread(lambda: Order.objects.get(id=placed["orderId"]))
    assert order.owner_id == ada.pk


async def test_a_page_sends_its_key_as_a_subprotocol_and_is_answered_without_it():
    ada, [(_, header)] = await with_key("ada")
    order = await in_thread(lambda: make_order(owner=ada))
    key = header.decode().removeprefix("Bearer ")
    offered = ["dex.v1", f"key.{key}"]

    async with open_socket(f"?orderId={order.id}", subprotocols=offered) as socket:
        assert socket.subprotocol == "dex.v1"
        assert (await socket.frame())["orderId"] == str(order.id)
