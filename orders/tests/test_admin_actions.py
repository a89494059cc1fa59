"""Cancelling and retrying orders in the admin."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from orders.models import Order, Status

from .admin_pages import LIST, act, page_of, text_of
from .helpers import (
    make_order,
    make_order_at,
)

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.CONFIRMED])
def test_the_page_of_an_order_leads_to_its_history_of_acts(admin_client, status):
    order, _ = make_order_at(status)
    page = admin_client.get(page_of(order)).content.decode()
    history = page_of(order).replace("/change/", "/history/")

    assert f'<a href="{history}" class="historylink">' in page
    assert admin_client.get(history).status_code == 200


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
