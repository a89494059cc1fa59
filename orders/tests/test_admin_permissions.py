"""Who may look at orders in the admin, who may act, and what nobody may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from orders.models import Order

from .admin_pages import LIST, act, page_of
from .helpers import (
    make_order,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    """A member of staff who may look at orders and nothing else."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(user)
    return client


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
