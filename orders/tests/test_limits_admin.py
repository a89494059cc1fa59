"""Operators change the limits of orders in the admin: with a reason, and on record."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from dex.tests.guard_records import changes
from dex.tests.test_admin import POOL, RAY, make_pool
from dex.tests.test_guard_admin import errors_of
from orders.access.groups import make_groups
from orders.access.guards import current_guards
from orders.models import OrderLimits, OwnerLimit
from orders.recent import forget_all

from .accounts import make_user

pytestmark = pytest.mark.django_db


def test_the_limits_of_all_orders_are_changed_within_the_setting(
    admin_client, settings
):
    settings.MAX_SLIPPAGE_BPS = 500
    page = admin_client.get("/admin/orders/orderlimits/", follow=True)
    (address, _) = page.redirect_chain[-1]

    above = {"max_slippage_bps": 501, "reason": "x"}
    assert "max_slippage_bps" in errors_of(admin_client.post(address, above))
    form = {"max_slippage_bps": 500, "max_open_orders": 7}
    assert set(errors_of(admin_client.post(address, form))) == {"reason"}
    assert admin_client.post(address, form | {"reason": "calm"}).status_code == 302

    forget_all()
    guards = current_guards()
    assert (guards.max_slippage_bps, guards.max_open_orders(1)) == (500, 7)
    assert changes() == [
        ("admin", "max_slippage", "", "none", "500", "calm"),
        ("admin", "max_open_orders", "", "none", "7", "calm"),
    ]
    for forbidden in ("add/", "1/delete/"):
        path = f"/admin/orders/orderlimits/{forbidden}"
        assert admin_client.post(path, {"post": "yes"}).status_code == 403
    assert OrderLimits.objects.count() == 1


def log_in_operator(client: Client) -> None:
    olga = make_user("olga", "operator")
    User.objects.filter(id=olga.id).update(is_staff=True)
    client.force_login(olga)


def test_an_operator_deletes_an_owners_limit_a_pool_and_a_token_with_a_reason(client):
    log_in_operator(client)
    owner = make_user("ada")
    limit = OwnerLimit.objects.create(owner=owner, max_open_orders=3)
    pool = make_pool()
    rows = (
        f"orders/ownerlimit/{limit.id}",
        f"dex/pool/{pool.id}",
        f"dex/token/{pool.token_a_id}",
    )

    for row in rows:
        for form in ({"post": "yes"}, {"post": "yes", "reason": "gone"}):
            answer = client.post(f"/admin/{row}/delete/", form)
            assert answer.status_code == 302, row

    assert changes() == [
        ("olga", "max_open_orders", "ada", "3", "none", "gone"),
        ("olga", "allowed_pools", POOL, "allowed", "none", "gone"),
        ("olga", "allowed_tokens", RAY, "allowed", "none", "gone"),
    ]


def test_an_operator_of_an_installation_that_is_migrated_gets_new_rights():
    """They come with each `migrate`, not with the making of the group."""
    operators = Group.objects.get(name="operator")
    operators.permissions.clear()

    make_groups()

    rights = set(operators.permissions.values_list("codename", flat=True))
    assert rights >= {"delete_ownerlimit", "delete_pool", "delete_token"}


def test_an_operator_who_sees_no_users_gives_an_owner_a_limit_by_name(client):
    owner = make_user("ada <i>")
    log_in_operator(client)
    add = "/admin/orders/ownerlimit/add/"
    form = {"owner": owner.username, "max_open_orders": 3, "reason": "new"}
    assert client.get("/admin/auth/user/").status_code == 403

    assert '<option value="ada &lt;i&gt;">' in client.get(add).content.decode()
    assert errors_of(client.post(add, form | {"owner": "eve"})) == {
        "owner": ["There is no user eve. Type the name of one."]
    }
    assert client.post(add, form).status_code == 302

    assert OwnerLimit.objects.get().owner == owner
    assert changes() == [("olga", "max_open_orders", "ada <i>", "none", "3", "new")]


def test_an_owner_gets_a_limit_of_its_own(admin_client):
    owner = User.objects.create_user("trader")
    form = {"owner": "trader", "max_open_orders": 3}
    add = "/admin/orders/ownerlimit/add/"

    assert set(errors_of(admin_client.post(add, form))) == {"reason"}
    assert admin_client.post(add, form | {"reason": "new here"}).status_code == 302
    forget_all()
    assert current_guards().max_open_orders(owner.id) == 3

    delete = f"/admin/orders/ownerlimit/{OwnerLimit.objects.get().id}/delete/"
    asked = admin_client.get(delete).content.decode()
    assert "This deletes the limit of an owner “trader”:" in asked
    admin_client.post(delete, {"post": "yes", "reason": "knows enough"})
    assert changes() == [
        ("admin", "max_open_orders", "trader", "none", "3", "new here"),
        ("admin", "max_open_orders", "trader", "3", "none", "knows enough"),
    ]


def test_no_limit_goes_unrecorded_with_its_owner(admin_client):
    owner = User.objects.create_user("trader")
    OwnerLimit.objects.create(owner=owner, max_open_orders=3)

    admin_client.post(f"/admin/auth/user/{owner.id}/delete/", {"post": "yes"})

    assert OwnerLimit.objects.get().owner == owner
