from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from orders.models import Order, Status

from .admin_pages import LIST, page_of, text_of
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


def act(client: Client, action: str, *orders: Order, **extra: str) -> str:
    """Run an action on the list; return the messages that the next page shows."""
    response = client.post(
        LIST,
        {
            "action": action,
            "index": "0",
            "_selected_action": [str(order.id) for order in orders],
            **extra,
        },
        follow=True,
    )
    assert response.status_code == 200
    return " | ".join(str(message) for message in response.context["messages"])


@pytest.fixture
def staff(client: Client) -> Client:
    """A member of staff who may look at orders and nothing else."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(user)
    return client


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
    Order.objects.filter(id=confirmed.id).update(signature="5" * 88)

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
    assert listed(admin_client, needs_review_at__isempty="0") == {str(stuck.id)}
    assert listed(admin_client, created_at__year=str(day.year)) == {str(confirmed.id)}


def test_an_order_that_needs_review_says_so_in_the_list(admin_client):
    make_order(needs_review_at=Now())

    assert "needs review" in text_of(admin_client.get(LIST))


def test_nobody_adds_edits_or_deletes_an_order(admin_client):
    order = make_order()

    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(page_of(order), {"status": "confirmed"}).status_code == 403
    assert (
        admin_client.post(f"{LIST}{order.id}/delete/", {"post": "yes"}).status_code
        == 403
    )
    assert "delete_selected" not in admin_client.get(LIST).content.decode()
    assert Order.objects.get(id=order.id).status == "pending"


@pytest.mark.parametrize("model", ["orderevent", "attempt"])
def test_history_and_attempts_have_no_page_of_their_own(admin_client, model):
    assert admin_client.get(f"/admin/orders/{model}/").status_code == 404


def test_cancelling_says_what_was_cancelled_and_what_could_not_be(admin_client):
    open_order = make_order()
    live, _ = make_order_at(Status.SUBMITTED)
    closed, _ = make_order_at(Status.CONFIRMED)

    said = act(admin_client, "cancel_orders", open_order, live, closed)

    assert f"{live.id}: A signed transaction of this order may still land" in said
    assert f"{closed.id}: The order is already confirmed." in said
    assert f'Cancelled: <a href="{page_of(open_order)}">' in said
    assert Order.objects.get(id=open_order.id).status == "cancelled"
    assert Order.objects.get(id=live.id).cancel_requested_at is not None
    (entry,) = LogEntry.objects.all()
    assert (entry.object_id, entry.user.username) == (str(open_order.id), "admin")


def test_retrying_places_new_linked_orders_and_says_what_could_not_be(admin_client):
    failed, _ = make_order_at(Status.FAILED)
    expired, _ = make_order_at(Status.EXPIRED)
    confirmed, _ = make_order_at(Status.CONFIRMED)

    said = act(admin_client, "retry_orders", failed, expired, confirmed)

    retries = Order.objects.filter(retry_of__isnull=False)
    assert {order.retry_of_id for order in retries} == {failed.id, expired.id}
    assert {order.status for order in retries} == {"pending"}
    assert f"{confirmed.id}: The order is confirmed." in said
    assert all(page_of(order) in said for order in retries)
    again = act(admin_client, "retry_orders", failed)
    assert f"{failed.id}: The order was retried before." in again
    assert Order.objects.count() == 5


def test_the_button_of_an_order_acts_and_comes_back_to_the_order(admin_client):
    order = make_order()
    page = admin_client.get(page_of(order)).content.decode()
    assert 'value="cancel_orders"' in page
    assert 'value="retry_orders"' not in page

    act(admin_client, "cancel_orders", order, _from_page="1")
    response = admin_client.post(
        LIST,
        {
            "action": "retry_orders",
            "index": "0",
            "_selected_action": str(order.id),
            "_from_page": "1",
        },
    )

    new = Order.objects.get(retry_of=order)
    assert response.headers["Location"] == page_of(new)
    text = text_of(admin_client.get(page_of(new)))
    assert f"A retry of {order.id}" in text
    old = admin_client.get(page_of(order)).content.decode()
    assert f"{new.id}" in old
    assert 'value="retry_orders"' not in old


def test_staff_with_the_right_to_view_may_look_but_not_act(staff):
    order = make_order()

    assert staff.get(LIST).status_code == 200
    assert 'value="cancel_orders"' not in staff.get(page_of(order)).content.decode()
    act(staff, "cancel_orders", order)

    assert Order.objects.get(id=order.id).status == "pending"


def test_staff_with_the_right_to_change_may_act(client):
    order = make_order()
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_order"))
    client.force_login(user)

    act(client, "cancel_orders", order)

    assert Order.objects.get(id=order.id).status == "cancelled"


def test_others_see_no_order(client):
    order = make_order()
    client.force_login(User.objects.create_user("stranger", is_staff=True))

    assert client.get(LIST).status_code == 403
    assert client.get(page_of(order)).status_code == 403
    client.logout()
    assert client.get(LIST).status_code == 302
