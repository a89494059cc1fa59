"""Tickets asked for anew: for one's own orders, to read them, for a quarter of an hour."""

from __future__ import annotations

import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from orders import standing
from orders.access.keys import revoke
from orders.access.principal import Scope
from orders.access.tickets import LIFETIME_S, read_ticket
from orders.models import Order
from orders.recent import forget_all
from orders.threads import in_thread

from .accounts import keyed, make_text, make_user, refusal, trader
from .clients import open_socket, post
from .helpers import make_order
from .listeners import Account

NOW = 1_800_000_000.75


def address(order_id: object) -> str:
    return f"/api/orders/{order_id}/ticket"


@pytest.mark.django_db
def test_a_ticket_is_made_for_an_order_of_ones_own_with_the_scope_read(settings):
    settings.ALLOW_ANONYMOUS = False
    ada = make_user("ada", "trader")
    order = make_order(owner=ada)

    answer = keyed(make_text(ada, [Scope.READ])).post(address(order.id))

    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {"ticket", "wsUrl", "expiresAt"}
    url = urlsplit(told["wsUrl"])
    assert (url.scheme, url.netloc) == ("ws", "testserver")
    assert parse_qs(url.query) == {
        "orderId": [str(order.id)],
        "ticket": [told["ticket"]],
    }
    assert refusal(keyed(make_text(ada, [Scope.TRADE])).post(address(order.id))) == (
        403,
        "missing_scope",
    )
    assert refusal(trader("eve").post(address(order.id))) == (404, "order_not_found")
    for unknown in (uuid4(), "x"):
        answer = trader("joe").post(address(unknown))
        assert refusal(answer) == (404, "order_not_found")
    assert refusal(post("", address(order.id))) == (401, "authentication_required")


@pytest.mark.django_db
def test_expires_at_is_the_moment_at_which_the_ticket_ends(monkeypatch):
    ada = make_user("ada", "trader")
    order, client = make_order(owner=ada), keyed(make_text(ada))
    now = NOW
    monkeypatch.setattr(time, "time", lambda: now)

    told = client.post(address(order.id)).json()

    ends_at = datetime.fromisoformat(told["expiresAt"]).timestamp()
    assert NOW + LIFETIME_S - 1 < ends_at <= NOW + LIFETIME_S
    now = ends_at - 0.01
    assert read_ticket(told["ticket"], order.id) is not None
    now = ends_at + 0.01
    assert read_ticket(told["ticket"], order.id) is None


@pytest.mark.django_db
def test_where_nobody_needs_a_ticket_there_is_none_and_the_address_opens_without():
    order = make_order()

    told = post("", address(order.id)).json()

    assert (told["ticket"], told["expiresAt"]) == (None, None)
    assert told["wsUrl"].endswith(f"?orderId={order.id}")


@pytest.mark.django_db
def test_a_ticket_costs_no_more_queries_than_the_look_for_its_order(
    django_assert_num_queries,
):
    ada = make_user("ada", "trader")
    order, client = make_order(owner=ada), keyed(make_text(ada))
    client.get("/api/orders")

    with django_assert_num_queries(1):
        assert client.post(address(order.id)).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_with_a_ticket_nobody_asks_whether_the_order_is_there(monkeypatch):
    listener = await in_thread(lambda: Account("ada"))
    asked = []
    read = standing._read

    def counted(owned):
        asked.append(owned)
        return read(owned)

    monkeypatch.setattr(standing, "_read", counted)
    for headers in ((), listener.headers):  # also where a key comes beside it
        async with open_socket(listener.ticket, headers) as socket:
            assert (await socket.frame())["sequence"] == 1
    assert asked == []

    # How much of it has been heard, only the database can check.
    async with open_socket(f"{listener.ticket}&after=2") as socket:
        assert (await socket.frame())["code"] == "invalid_after"
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
async def test_a_new_ticket_opens_the_stream_until_its_key_is_revoked():
    def ask() -> tuple[str, Order]:
        ada = make_user("ada", "trader")
        order = make_order(owner=ada)
        told = keyed(make_text(ada)).post(address(order.id)).json()
        return f"?{urlsplit(told['wsUrl']).query}", order

    query, order = await in_thread(ask)
    async with open_socket(query) as socket:
        assert (await socket.frame())["orderId"] == str(order.id)

    await in_thread(revoke, owner=order.owner_id)
    forget_all()
    async with open_socket(query) as socket:
        assert (await socket.frame())["code"] == "invalid_ticket"
        assert await socket.close_code() == 4401
