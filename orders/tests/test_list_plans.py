"""Lists stay fast however many orders there are: which index answers, and how far it is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import chain, product
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from orders import listing
from orders.admin import bounds
from orders.admin.bounds import UNTIL
from orders.listing import list_orders
from orders.models import Order, Status

from .admin_pages import LIST
from .clients import get, listed
from .helpers import make_order, make_order_at, make_owner, make_token
from .plans import start_with_new_files

pytestmark = pytest.mark.django_db

# The owner's, or that of all orders where the owner has a large share of them.
IN_ORDER = "(order_owner_newest|order_newest)"
OF_OPEN = "order_open_(due|owner)"
PRIMARY, SIGNATURE = "orders_order_pkey", "attempt_signature_is_unique"
OF_CLIENT = "order_client_id_once_per_owner"


@pytest.fixture
def many_orders(monkeypatch) -> Order:
    """Orders of two owners, one a second, of more than a page looks at; the newest is open.

    Every 50th is of the second owner. Returns an order in the middle.
    """
    start_with_new_files()
    owners = make_owner(), make_owner("other")
    ended, _ = make_order_at(Status.CONFIRMED, owner=owners[0])
    pending = make_order(owner=owners[0])
    copied = [str(field.column) for field in Order._meta.fields]
    for name in ("id", "owner_id", "created_at", "client_order_id"):
        copied.remove(name)
    columns = ", ".join(copied)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_order "
            f"(id, owner_id, created_at, client_order_id, {columns}) "
            "SELECT gen_random_uuid(), (%s::int[])[1 + (number %% 50 = 0)::int], "
            f"%s + number * interval '1 second', 'n' || number, {columns} "
            "FROM generate_series(1, 6000) AS number JOIN orders_order AS one "
            "ON one.id = CASE WHEN number < 5960 THEN %s ELSE %s END",
            [[o.pk for o in owners], ended.created_at, ended.pk, pending.pk],
        )
        cursor.execute("ANALYZE orders_order")
    for module in (listing, bounds):
        monkeypatch.setattr(module, "LOOKED_AT", 50)
    return Order.objects.all()[3_000]


def plans_of_list(**query: Any) -> list[str]:
    """Return how PostgreSQL carries out what the API asks it for a list."""
    asked_for = QueryDict(mutable=True)
    asked_for.update(query)
    orders = Order.objects.filter(owner_id=make_owner().pk)
    return plans_of(lambda: list_orders(orders, asked_for))


def plans_of(ask: Callable[[], Any]) -> list[str]:
    """Return how PostgreSQL carries out each statement that asks for orders."""
    with CaptureQueriesContext(connection) as asked:
        ask()
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
            plans = plans_of_list(**query, **cursor)
            filters = query.keys() - {"limit", "createdAfter", "createdBefore"}
            assert len(plans) == (2 if filters else 1), name
            for plan in plans:
                told = f"{name}:\n{plan}"
                assert re.search(f"Index (Only )?Scan using {IN_ORDER} ", plan), told
                assert "Sort" not in plan, told
                if cursor:
                    assert re.search(r"Index Cond: .*created_at <= ", plan), told


def test_open_orders_are_found_by_their_index(many_orders):
    (plan,) = plans_of_list(status="pending,submitted")

    assert re.search(f"Index Scan (using|on) {OF_OPEN}", plan), plan


SINCE = r"Index Cond: .*created_at >= "
IN_THE_ADMIN: dict[str, tuple[dict[str, str], str, str]] = {
    "no filter": ({}, "order_newest", SINCE),
    "a rare status": ({"status__exact": "expired"}, "order_newest", SINCE),
    "sorted, up to a day": ({"o": "6", UNTIL: "2100-01-01"}, "order_newest", SINCE),
    "in review": ({"review": "needed"}, OF_OPEN, OF_OPEN),
    "open": ({"status__exact": "pending"}, OF_OPEN, OF_OPEN),
    "waiting": ({"waiting_code__exact": "needs_review"}, OF_OPEN, OF_OPEN),
    "by an id": ({"q": "0123"}, PRIMARY, r"Index Cond: \(\(id >= .* \(id <= "),
    "by a signature": ({"q": "5" * 88}, PRIMARY, SIGNATURE),
    "by a user's name": ({"q": "other"}, "order_owner_newest", SINCE),
    "open ones of a user": (
        {"q": "other", "status__exact": "pending"},
        OF_OPEN,
        OF_OPEN,
    ),
    "by a clientOrderId": (
        {"q": "n3000"},
        OF_CLIENT,
        r"Index Cond: .*\(client_order_id",
    ),
}


def test_the_admin_counts_sorts_and_filters_no_more_than_an_index_leads_to(
    many_orders, admin_client
):
    for name, (query, index, bound) in IN_THE_ADMIN.items():
        plans = plans_of(partial(admin_client.get, LIST, query))
        if bound == SINCE:
            where_it_ends, *plans = plans
            assert where_it_ends.startswith("Limit"), where_it_ends
            assert f"Index Only Scan using {index}" in where_it_ends
        if name == "by an id":  # or by what an owner calls an order
            called, *plans = plans
            assert f"Scan using {OF_CLIENT} on orders_order" in called, called
        assert len(plans) == 2, name  # how many, and which
        for plan in plans:
            told = f"{name}:\n{plan}"
            assert re.search(rf"Scan using {index} on orders_order", plan), told
            assert re.search(bound, plan), told
            assert "Seq Scan on orders_order" not in plan, told


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


def test_however_far_a_page_looks_each_order_is_shown_once(client, monkeypatch):
    """Some of one moment, so that the id has to decide where a look ends."""
    now = make_order().created_at
    for number in range(11):
        token_out = make_token("C" if number % 3 else "B")
        make_order(created_at=now - timedelta(seconds=number // 4), token_out=token_out)
    expected = [
        order
        for order in Order.objects.select_related("token_out")
        if order.token_out.symbol == "C"
    ]

    for looked_at, limit in product([1, 2, 3, 11, 12, 13], [1, 2, 5]):
        monkeypatch.setattr(listing, "LOOKED_AT", looked_at)
        pages = follow(client, token="C", limit=limit)

        assert [*chain.from_iterable(pages)] == ids(expected), (looked_at, limit)
        assert max(map(len, pages)) <= min(limit, looked_at), (looked_at, limit)


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
