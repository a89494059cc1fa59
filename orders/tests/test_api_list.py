"""Listing orders: newest first, page by page, chosen by filters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orders.models import Order, Status

from .clients import get, listed
from .helpers import (
    make_order,
    make_order_at,
    make_owner,
    make_token,
)

pytestmark = pytest.mark.django_db


def ids(*orders: Order) -> list[str]:
    return [str(order.id) for order in orders]


def test_orders_are_listed_newest_first(client):
    orders = [make_order() for _ in range(3)]

    assert listed(client) == ids(*reversed(orders))


def test_pages_show_each_order_once_while_orders_arrive(client):
    now = make_order().created_at
    make_order(owner=make_owner("other"))
    # Some of one moment, so that the id has to decide.
    for number in range(11):
        make_order(created_at=now - timedelta(seconds=number // 3))
    expected = ids(*Order.objects.filter(owner__username="local"))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, "/api/orders", limit=5, **cursor).json()
        seen += [order["orderId"] for order in page["orders"]]
        make_order()  # newer than the page: must not shift the next one
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}

    assert seen == expected
    assert len(seen) == 12


def test_filters_choose_by_status_type_venue_token_and_time(client):
    pending = make_order(token_out=make_token("C"))
    confirmed, _ = make_order_at(Status.CONFIRMED)
    Order.objects.filter(id=confirmed.id).update(venue="meteora")
    old = make_order(created_at=Now() - timedelta(days=1))
    moment = (pending.created_at - timedelta(hours=1)).isoformat()

    assert listed(client, status="confirmed") == ids(confirmed)
    assert listed(client, status="confirmed,failed") == ids(confirmed)
    assert listed(client, type="market") == ids(confirmed, pending, old)
    assert listed(client, venue="meteora") == ids(confirmed)
    assert listed(client, token="C") == ids(pending)
    assert listed(client, token=make_token("C").mint) == ids(pending)
    assert listed(client, token="unheard") == []
    assert listed(client, createdAfter=moment) == ids(confirmed, pending)
    assert listed(client, createdBefore=moment) == ids(old)
    assert listed(client, status="pending", token="A", createdAfter=moment) == ids(
        pending
    )


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("status", "done", "invalid_parameter"),
        ("status", "", "invalid_parameter"),
        ("type", "limit", "invalid_parameter"),
        ("venue", "orca", "invalid_parameter"),
        ("token", "", "invalid_parameter"),
        ("token", "A\0", "invalid_parameter"),
        ("createdAfter", "yesterday", "invalid_parameter"),
        ("createdAfter", "2026-11-20T09:14:03", "invalid_parameter"),
        ("createdBefore", "2026-13-40T00:00:00Z", "invalid_parameter"),
        ("limit", "0", "invalid_parameter"),
        ("limit", "201", "invalid_parameter"),
        ("limit", "-1", "invalid_parameter"),
        ("limit", "9" * 5_000, "invalid_parameter"),
        ("cursor", "x", "invalid_parameter"),
        ("cursor", "é", "invalid_parameter"),
        ("cursor", "eHx5", "invalid_parameter"),
        ("owner", "me", "unknown_parameter"),
        ("limit", ["1", "2"], "repeated_parameter"),
    ],
)
def test_a_bad_filter_is_named(client, name, value, code):
    answer = get(client, "/api/orders", **{name: value})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (name, code)
    assert error["message"]


def test_an_unknown_filter_is_answered_with_those_there_are(client):
    (error,) = get(client, "/api/orders", owner="me").json()["errors"]

    assert error["message"] == (
        "No such filter. Use status, type, venue, token, createdAfter, createdBefore, "
        "cursor, limit."
    )
