"""Sockets by ticket: what the wsUrl of an order lets in."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core import signing

from orders.access.keys import find_key, revoke
from orders.access.principal import Principal, Scope
from orders.access.tickets import LIFETIME_S, read_ticket, ticket_for
from orders.recent import forget_all
from orders.threads import in_thread

from .accounts import BOTH, keyed, make_text, make_user
from .clients import PATH, open_socket, order_text
from .helpers import make_order
from .test_access_sockets import first_event, refused, with_key

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]

ISSUED = 1_800_000_000.0


# Tickets.


def place(username: str) -> tuple[str, str, Any]:
    """Place an order; return the key, the query of its wsUrl, and its id."""
    text = make_text(make_user(username, "trader"))
    answer = keyed(text).post(PATH, order_text(), content_type="application/json")
    query = urlsplit(answer.json()["wsUrl"]).query
    return text, f"?{query}", UUID(answer.json()["orderId"])


async def test_a_ws_url_opens_without_a_header_as_often_as_one_likes():
    _, query, order_id = await in_thread(lambda: place("ada"))

    for _ in range(3):
        assert (await first_event(query))["orderId"] == str(order_id)
    assert (await first_event(f"{query}&after=0"))["sequence"] == 1


async def test_a_ws_url_of_an_order_that_came_over_a_socket_opens_too():
    _, adas = await with_key("ada")
    async with open_socket("", adas) as socket:
        await socket.send(order_text())
        placed = await socket.frame()

    query = f"?{urlsplit(placed['wsUrl']).query}"
    assert (await first_event(query))["orderId"] == placed["orderId"]


async def test_a_ticket_opens_no_other_order_and_places_none():
    _, query, _ = await in_thread(lambda: place("ada"))
    _, _, other = await in_thread(lambda: place("ada"))
    ticket = query.split("ticket=")[1]

    assert await refused(f"?orderId={other}&ticket={ticket}", []) == (
        "invalid_ticket",
        4401,
    )
    assert await refused(f"?ticket={ticket}", []) == ("missing_order_id", 4400)
    async with open_socket(query) as socket:
        await socket.frame()
        await socket.send(order_text())
        assert (await socket.frame())["code"] == "unexpected_message"


async def test_a_ticket_is_worth_nothing_once_its_key_is_revoked():
    text, query, _ = await in_thread(lambda: place("ada"))
    await first_event(query)
    await in_thread(lambda: revoke(prefix=text[4:12]))
    forget_all()  # half a second later

    assert await refused(query, []) == ("invalid_ticket", 4401)


async def test_a_ticket_is_worth_nothing_once_its_owner_is_switched_off():
    _, query, _ = await in_thread(lambda: place("ada"))
    await in_thread(lambda: User.objects.update(is_active=False))
    forget_all()

    assert await refused(query, []) == ("invalid_ticket", 4401)


async def test_a_bad_ticket_is_never_taken_for_nobody(settings):
    settings.ALLOW_ANONYMOUS = True
    order = await in_thread(make_order)

    for ticket in ("", "x", "a:b:c", "é"):
        query = f"?orderId={order.id}&ticket={ticket}"
        assert await refused(query, []) == ("invalid_ticket", 4401)


async def test_a_header_counts_whatever_the_ticket_is():
    ada, adas = await with_key("ada")
    order = await in_thread(lambda: make_order(owner=ada))
    query = f"?orderId={order.id}&ticket=x"

    assert (await first_event(query, adas))["sequence"] == 1
    _, eves = await with_key("eve")
    good = await in_thread(lambda: place("ada"))
    assert await refused(good[1], eves) == ("order_not_found", 4404)


async def test_who_placed_an_order_follows_it_by_ticket_without_the_scope_read():
    _, trades = await with_key("ada", [Scope.TRADE])
    async with open_socket("", trades) as socket:
        await socket.send(order_text())
        query = f"?{urlsplit((await socket.frame())['wsUrl']).query}"

    assert (await first_event(query))["sequence"] == 1
    assert (await first_event(query, trades))["sequence"] == 1
    plain = query.split("&ticket")[0]
    assert await refused(plain, trades) == ("missing_scope", 4403)
    _, others = await with_key("ada", [Scope.TRADE])  # whose ticket it is not
    assert await refused(query, others) == ("missing_scope", 4403)
    async with open_socket(query, trades) as socket:
        await socket.frame()
        await socket.send(order_text())
        assert (await socket.frame())["code"] == "unexpected_message"


def test_a_ticket_lasts_a_quarter_of_an_hour(monkeypatch):
    principal = find_key(make_text(make_user("ada", "trader")))
    assert principal is not None
    order_id = uuid4()
    now = ISSUED
    monkeypatch.setattr(time, "time", lambda: now)
    ticket = ticket_for(order_id, principal)

    assert timedelta(seconds=LIFETIME_S) == timedelta(minutes=15)
    now += LIFETIME_S - 1
    read = read_ticket(ticket, order_id)
    assert read is not None
    holder = read.holder()
    assert holder is not None
    assert holder.scopes == {Scope.READ}
    now += 2
    assert read_ticket(ticket, order_id) is None


def test_what_is_signed_for_something_else_is_no_ticket():
    order_id = uuid4()
    said = [order_id.hex, 1, None]

    assert read_ticket(signing.dumps(said), order_id) is None
    assert read_ticket(signing.dumps(said, salt="other"), order_id) is None


def test_whoever_is_anonymous_needs_no_ticket():
    nobody = Principal(1, None, frozenset(BOTH), "anonymous")

    assert ticket_for(uuid4(), nobody) == ""
