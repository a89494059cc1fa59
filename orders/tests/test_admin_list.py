"""The admin's list of orders: what it shows, finds and filters."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from orders.models import Order, Status

from .admin_pages import LIST, text_of
from .helpers import (
    ERRORED,
    make_order,
    make_order_at,
    make_token,
    move,
)

pytestmark = pytest.mark.django_db


def listed(client: Client, **query: str) -> set[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return {str(order.id) for order in response.context["cl"].result_list}


def test_the_list_shows_amounts_in_whole_tokens(admin_client):
    make_order_at(
        Status.CONFIRMED,
        amount_in=1_500_000_000,
        token_in=make_token("SOL", decimals=9),
        token_out=make_token("USDC", decimals=6),
        venue="meteora",
    )

    response = admin_client.get(LIST)

    row = re.search(r"<tbody>.*</tbody>", response.content.decode(), re.S)
    assert row is not None
    cells = [
        " ".join(unescape(re.sub("<[^>]+>", " ", cell)).split())
        for cell in re.findall(r"<t[hd][^>]*class=\"field-.*?</t[hd]>", row[0], re.S)
    ]
    order = Order.objects.get()
    assert cells[:-1] == [
        str(order.id)[:8],
        "confirmed",
        "Market",
        "SOL → USDC",
        "1.5",
        "0.00199",
        "Meteora",
        "1",
    ]
    assert re.fullmatch(r"\d+ ms|\d\.\d s", cells[-1])
    assert '<span class="order-status is-confirmed">' in row[0]
    assert "style=" not in row[0]


def test_the_list_costs_the_same_number_of_queries_for_any_number_of_orders(
    admin_client, django_assert_max_num_queries
):
    def queries() -> int:
        with django_assert_max_num_queries(30) as captured:
            admin_client.get(LIST)
        return len(captured)

    make_order()
    few = queries()
    for index in range(12):
        order, _ = make_order_at(Status.CONFIRMED, token_in=make_token(f"T{index}"))
        make_order(retry_of=order)

    assert queries() == few


def test_orders_are_found_by_id_by_its_beginning_and_by_signature(admin_client):
    order, held = make_order_at(Status.SUBMITTED)
    first = order.attempts.get().signature
    move(held, Status.SUBMITTED, Status.ROUTING, attempt=2, closes=ERRORED)
    confirmed, _ = make_order_at(Status.CONFIRMED)
    confirmed.attempts.update(signature="5" * 88)

    assert listed(admin_client, q=str(order.id)) == {str(order.id)}
    assert listed(admin_client, q=f" {str(order.id).upper()[:13]} ") == {str(order.id)}
    assert listed(admin_client, q=first) == {str(order.id)}
    assert listed(admin_client, q="5" * 88) == {str(confirmed.id)}
    assert listed(admin_client, q=first[:-1]) == set()
    assert listed(admin_client, q="'; --") == set()
    assert len(listed(admin_client, q="  ")) == 2


def test_orders_are_filtered_by_status_venue_token_review_and_day(admin_client):
    confirmed, _ = make_order_at(
        Status.CONFIRMED, venue="raydium", token_in=make_token("SOL")
    )
    stuck = make_order(needs_review_at=Now(), created_at=Now() - timedelta(days=400))
    sol, day = make_token("SOL").id, timezone.now()

    assert listed(admin_client, status__exact="confirmed") == {str(confirmed.id)}
    assert listed(admin_client, venue__exact="raydium") == {str(confirmed.id)}
    assert listed(admin_client, order_type__exact="market") == {
        str(confirmed.id),
        str(stuck.id),
    }
    assert listed(admin_client, token_in__id__exact=str(sol)) == {str(confirmed.id)}
    assert listed(admin_client, review="needed") == {str(stuck.id)}
    assert listed(admin_client, created_at__year=str(day.year)) == {str(confirmed.id)}


def test_an_order_that_needs_review_says_so_in_the_list(admin_client):
    make_order(needs_review_at=Now())

    assert "needs review" in text_of(admin_client.get(LIST))
