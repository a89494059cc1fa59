"""The admin's list of orders: what it shows, finds and filters."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from orders.admin import bounds
from orders.models import Order, Status
from orders.recent import forget_all

from .admin_pages import LIST, act, text_of
from .helpers import (
    ERRORED,
    make_order,
    make_order_at,
    make_owner,
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
        "local",
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
        forget_all()
        with django_assert_max_num_queries(30) as captured:
            admin_client.get(LIST)
        return len(captured)

    make_order()
    few = queries()
    for index in range(12):
        order, _ = make_order_at(Status.CONFIRMED, token_in=make_token(f"T{index}"))
        make_order(retry_of=order, owner=make_owner(f"user {index}"))

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
    assert listed(admin_client, q=str(order.id)[:3]) == set()
    assert listed(admin_client, q="'; --") == set()
    assert len(listed(admin_client, q="  ")) == 2


def test_orders_are_found_by_their_owners_name_and_by_what_it_calls_them(admin_client):
    ada, eve = make_owner("ada"), make_owner("eve")
    first = make_order(owner=ada, client_order_id="rebalance-1")
    second, _ = make_order_at(Status.CONFIRMED, owner=ada, client_order_id="2026")
    other = make_order(owner=eve, client_order_id="rebalance-1")
    of_ada = {str(first.id), str(second.id)}
    number = str(other.id)[:4]
    numbered = make_order(owner=ada, client_order_id=number)

    assert listed(admin_client, q=" ada ") == of_ada | {str(numbered.id)}
    assert listed(admin_client, q="ad") == listed(admin_client, q="Ada") == set()
    confirmed = {"status__exact": "confirmed"}
    assert listed(admin_client, q="ada", **confirmed) == {str(second.id)}
    assert listed(admin_client, q="rebalance-1") == {str(first.id), str(other.id)}
    assert listed(admin_client, q="rebalance") == set()
    assert listed(admin_client, q="2026") >= {str(second.id)}
    assert listed(admin_client, q=number) >= {str(other.id), str(numbered.id)}


def test_a_users_orders_are_looked_at_from_the_newest_on_like_all(
    admin_client, monkeypatch
):
    monkeypatch.setattr(bounds, "LOOKED_AT", 2)
    ada, now = make_owner("ada"), timezone.now()
    ended = [
        make_order_at(
            Status.CONFIRMED, owner=ada, created_at=now - timedelta(days=age)
        )[0]
        for age in range(3)
    ]
    make_order()
    ids = [str(order.id) for order in ended]

    page = admin_client.get(LIST, {"q": "ada"}).context["cl"]

    assert [str(order.id) for order in page.result_list] == ids[:2]
    older = admin_client.get(LIST + page.older).context["cl"]
    assert [str(order.id) for order in older.result_list] == ids[2:]
    said = act(admin_client, "cancel_orders", ended[0])
    assert ids[0] in said


@pytest.mark.parametrize("name", ["owner__username", "owner__password__startswith"])
def test_a_filter_that_there_is_not_says_what_to_use_and_logs_no_traceback(
    admin_client, caplog, name
):
    answer = admin_client.get(LIST, {name: "a"}, follow=True)

    assert answer.status_code == 200
    assert "There is no such filter. Search for a user" in text_of(answer)
    assert [record for record in caplog.records if record.exc_info] == []


def test_orders_are_filtered_by_status_venue_token_review_and_day(admin_client):
    confirmed, _ = make_order_at(
        Status.CONFIRMED, venue="raydium", token_in=make_token("SOL")
    )
    long_ago = timezone.now() - timedelta(days=400)
    stuck = make_order(needs_review_at=Now(), created_at=long_ago)
    sol = make_token("SOL").id
    both = {str(confirmed.id), str(stuck.id)}

    assert listed(admin_client, status__exact="confirmed") == {str(confirmed.id)}
    assert listed(admin_client, venue__exact="raydium") == {str(confirmed.id)}
    assert listed(admin_client, order_type__exact="market") == both
    assert listed(admin_client, token_in__id__exact=str(sol)) == {str(confirmed.id)}
    assert listed(admin_client, review="needed") == {str(stuck.id)}
    assert listed(admin_client, until=f"{long_ago:%Y-%m-%d}") == {str(stuck.id)}
    assert listed(admin_client, until=long_ago.isoformat()) == set()
    for no_day in ("yesterday", "9999-12-31"):
        response = admin_client.get(LIST, {"until": no_day})
        assert f"There is no day {no_day}." in text_of(response)
    assert listed(admin_client, until="yesterday") == both


def test_a_page_looks_at_so_many_orders_and_leads_on_to_older_ones(
    admin_client, monkeypatch
):
    monkeypatch.setattr(bounds, "LOOKED_AT", 2)
    now = timezone.now()
    ended = [
        make_order_at(Status.CONFIRMED, created_at=now - timedelta(days=age))[0]
        for age in range(5)
    ]
    stuck = make_order(needs_review_at=Now(), created_at=now - timedelta(days=9))
    ids = [str(order.id) for order in (*ended, stuck)]

    pages, older = [], "?"
    while older is not None:
        page = admin_client.get(LIST + older).context["cl"]
        pages.append([str(order.id) for order in page.result_list])
        older = page.older

    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert listed(admin_client, o="2") == listed(admin_client, o="3") == set(ids[:2])
    assert listed(admin_client, status__exact="confirmed") == set(ids[:2])
    assert listed(admin_client, q=ids[4]) == {ids[4]}
    for few in ({"status__exact": "pending"}, {"review": "needed"}):
        assert listed(admin_client, **few) == {ids[-1]}
    assert "Cancelled" in act(admin_client, "cancel_orders", stuck)
    everything = {"select_across": "1"}
    said = act(admin_client, "cancel_orders", ended[0], **everything)
    assert [order_id in said for order_id in ids[:3]] == [True, True, False]


def test_an_order_that_needs_review_says_so_in_the_list(admin_client):
    make_order(needs_review_at=Now())

    assert "needs review" in text_of(admin_client.get(LIST))
