"""Lists stay fast however many orders there are: which index answers, and how far it is read."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from orders import listing
from orders.listing import list_orders
from orders.models import Order, Status

from .clients import get, listed
from .helpers import make_order, make_order_at, make_owner, make_token

pytestmark = pytest.mark.django_db

# The owner's, or that of all orders where the owner has a large share of them.
IN_ORDER = "(order_owner_newest|order_newest)"
OF_OPEN = "order_open_due"


@pytest.fixture
def many_orders(monkeypatch) -> Order:
    """Orders of two owners, one a second, of more than a page looks at; the newest is open.

    Returns an order in the middle.
    """
    owners = make_owner(), make_owner("other")
    ended, _ = make_order_at(Status.CONFIRMED, owner=owners[0])
    pending = make_order(owner=owners[0])
    made = []
    for number in range(6_000):
        like = ended if number < 5_960 else pending
        columns = {f.attname: getattr(like, f.attname) for f in Order._meta.fields}
        columns |= {"id": uuid.uuid4(), "owner_id": owners[number % 2].pk}
        at = ended.created_at + timedelta(seconds=number)
        made.append(Order(**columns | {"created_at": at}))
    Order.objects.bulk_create(made)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order")
    monkeypatch.setattr(listing, "LOOKED_AT", 50)
    return made[3_000]


def plans_of(**query: Any) -> list[str]:
    """Return how PostgreSQL carries out each statement that asks orders for a list."""
    asked_for = QueryDict(mutable=True)
    asked_for.update(query)
    with CaptureQueriesContext(connection) as asked:
        list_orders(Order.objects.filter(owner_id=make_owner().pk), asked_for)
    plans = []
    with connection.cursor() as cursor:
        # How small the tables of a test are must not decide.
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for statement in asked:
            if 'FROM "orders_order"' in statement["sql"]:
                cursor.execute(f"EXPLAIN {statement['sql']}")
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
    return plans


MOMENT = "2020-01-01T00:00:00Z"
IN_INDEX_ORDER: dict[str, dict[str, Any]] = {
    "no filter": {},
    "the largest page": {"limit": "200"},
    "since": {"createdAfter": MOMENT},
    "until": {"createdBefore": "2100-01-01T00:00:00Z"},
    "a common status": {"status": "confirmed"},
    "a rare status": {"status": "expired"},
    "open and ended": {"status": "pending,failed"},
    "type": {"type": "market"},
    "venue": {"venue": "meteora"},
    "token": {"token": "A"},
    "all": {
        "status": "failed,expired",
        "type": "market",
        "venue": "raydium",
        "token": "A",
        "createdAfter": MOMENT,
        "createdBefore": "2100-01-01T00:00:00Z",
    },
}


def test_every_page_is_read_in_the_order_of_an_index_from_where_it_begins(many_orders):
    """One test for all, because the table takes a second to fill."""
    position = many_orders.created_at, many_orders.id
    deep = {"cursor": listing._write_cursor(position)}

    for name, query in IN_INDEX_ORDER.items():
        for cursor in ({}, deep):
            plans = plans_of(**query, **cursor)
            filters = query.keys() - {"limit", "createdAfter", "createdBefore"}
            assert len(plans) == (2 if filters else 1), name
            for plan in plans:
                told = f"{name}:\n{plan}"
                assert re.search(f"Index (Only )?Scan using {IN_ORDER} ", plan), told
                assert "Sort" not in plan, told
                if cursor:
                    assert re.search(r"Index Cond: .*created_at <= ", plan), told


def test_open_orders_are_found_by_their_index(many_orders):
    (plan,) = plans_of(status="pending,submitted")

    assert re.search(f"Index Scan (using|on) {OF_OPEN}", plan), plan


def follow(client, **query: Any) -> list[list[str]]:
    """Return the ids of each page, up to the last."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, "/api/orders", **query, **cursor).json()
        pages.append([order["orderId"] for order in page["orders"]])
        if page["nextCursor"] is None:
            return pages
        cursor = {"cursor": page["nextCursor"]}


def ids(orders: list[Order]) -> list[str]:
    return [str(order.id) for order in orders]


def test_pages_of_a_rare_filter_look_at_so_many_orders_each(client, monkeypatch):
    monkeypatch.setattr(listing, "LOOKED_AT", 4)
    rare = [make_order(token_out=make_token("RARE"))]
    for _ in range(9):
        make_order()
    rare.insert(0, make_order(token_out=make_token("RARE")))

    pages = follow(client, token="RARE")

    assert pages == [ids(rare[:1]), [], ids(rare[1:])]
    assert [*chain.from_iterable(pages)] == ids(rare)


@pytest.mark.parametrize("looked_at", [1, 2, 3, 11, 12, 13])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_however_far_a_page_looks_each_order_is_shown_once(
    client, monkeypatch, looked_at, limit
):
    """Some of one moment, so that the id has to decide where a look ends."""
    monkeypatch.setattr(listing, "LOOKED_AT", looked_at)
    now = make_order().created_at
    for number in range(11):
        token_out = make_token("C" if number % 3 else "B")
        make_order(created_at=now - timedelta(seconds=number // 4), token_out=token_out)
    expected = [
        order
        for order in Order.objects.select_related("token_out")
        if order.token_out.symbol == "C"
    ]

    pages = follow(client, token="C", limit=limit)

    assert [*chain.from_iterable(pages)] == ids(expected)
    assert max(map(len, pages)) <= min(limit, looked_at)


def test_open_orders_are_all_shown_however_old_they_are(client, monkeypatch):
    monkeypatch.setattr(listing, "LOOKED_AT", 2)
    old = make_order()
    for _ in range(5):
        make_order_at(Status.CONFIRMED)

    assert listed(client, status="pending") == ids([old])
    assert listed(client, status="pending,routing,building,submitted") == ids([old])


def test_a_list_without_filters_has_full_pages(client, monkeypatch):
    monkeypatch.setattr(listing, "LOOKED_AT", 2)
    for _ in range(5):
        make_order()

    assert [len(page) for page in follow(client, limit=4)] == [4, 1]
