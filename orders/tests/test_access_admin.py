"""API keys in the admin: shown once, revoked, and never to be found again."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from orders.access.keys import find_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import Scope
from orders.admin import ApiKeyAdmin
from orders.models import Order
from orders.recent import forget_all

from .accounts import make_text, make_user
from .admin_pages import LIST, act, page_of, text_of
from .helpers import make_order

pytestmark = pytest.mark.django_db

KEYS = "/admin/orders/apikey/"
KEY = re.compile(r"dex_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")


def make_in(client, user: User, **overrides):
    fields = {"owner": user, "name": "robot", "scopes": ["read"], "form_id": uuid4()}
    fields |= overrides
    return client.post(f"{KEYS}add/", fields)


def test_a_new_key_is_shown_once_and_works(admin_client):
    answer = make_in(admin_client, make_user("ada", "trader"))

    [text] = KEY.findall(answer.content.decode())
    assert "It may: read." in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    principal = find_key(text)
    assert principal is not None
    assert principal.scopes == {Scope.READ}
    secret = text.split("_", 2)[2]
    later = [
        admin_client.get(KEYS),
        admin_client.get(f"{KEYS}{ApiKey.objects.get().pk}/change/"),
        admin_client.get(f"{KEYS}{ApiKey.objects.get().pk}/history/"),
        admin_client.get("/admin/"),
    ]
    for page in later:
        assert page.status_code == 200
        assert secret not in page.content.decode()
        assert ApiKey.objects.get().secret_hash not in page.content.decode()
    assert secret not in str(answer.cookies) + str(admin_client.cookies)


def test_the_log_of_the_admin_holds_no_secret(admin_client):
    answer = make_in(admin_client, make_user("ada", "trader"))

    [text] = KEY.findall(answer.content.decode())
    [entry] = LogEntry.objects.all()
    told = f"{entry.object_repr} {entry.change_message} {entry.get_change_message()}"
    assert text.split("_", 2)[2] not in told
    assert ApiKey.objects.get().secret_hash not in told


def test_a_form_that_is_sent_again_makes_and_shows_no_second_key(admin_client):
    form = admin_client.get(f"{KEYS}add/").context["adminform"].form
    sent = {"form_id": form["form_id"].value()}
    ada = make_user("ada", "trader")
    [text] = KEY.findall(make_in(admin_client, ada, **sent).content.decode())

    again = make_in(admin_client, ada, **sent)

    assert again.status_code == 302
    shown = admin_client.get(again.headers["Location"]).content.decode()
    assert f"this form made the key {text[4:12]} before" in shown
    assert not KEY.search(shown)
    assert ApiKey.objects.count() == LogEntry.objects.count() == 1
    assert find_key(text) is not None
    other = admin_client.get(f"{KEYS}add/").context["adminform"].form
    assert other["form_id"].value() != sent["form_id"]


def test_the_list_says_what_keys_may_really_do_and_which_count(admin_client):
    live = make_text(make_user("ada", "viewer"))[4:12]
    ended = make_text(make_user("eve"), expires_at=timezone.now())[4:12]
    revoked = make_text(make_user("max", "trader"))[4:12]
    revoke(prefix=revoked)

    def listed(**query: str) -> dict[str, tuple[str, str]]:
        keys = admin_client.get(KEYS, query).context["cl"].result_list
        page = ApiKeyAdmin(ApiKey, site)
        return {key.prefix: (page.may(key), page.state(key)[:7]) for key in keys}

    rows = {
        live: ("read", "valid"),
        ended: ("nothing", "expired"),
        revoked: ("read, trade", "revoked"),
    }
    assert listed() == rows
    for state, prefix in (("live", live), ("expired", ended), ("revoked", revoked)):
        assert listed(state=state) == {prefix: rows[prefix]}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"scopes": []}, "required"),
        ({"scopes": ["admin"]}, "Select a valid choice"),
        ({"name": ""}, "required"),
        ({"owner": "eve"}, "There is no user eve."),
        ({"form_id": ""}, "required"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "still to come"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(admin_client, fields, complaint):
    answer = make_in(admin_client, make_user("ada", "trader"), **fields)

    assert complaint in text_of(answer)
    assert not ApiKey.objects.exists()


def test_revoked_keys_count_no_more_and_stay_on_record(admin_client):
    text = make_text(make_user("ada", "trader"))
    key = ApiKey.objects.get()
    fields = {"action": "revoke_keys", "index": "0", "_selected_action": [key.pk]}

    answer = admin_client.post(KEYS, fields, follow=True)

    assert "Revoked 1 keys." in text_of(answer)
    forget_all()
    assert find_key(text) is None
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Revoked"]
    assert admin_client.post(f"{KEYS}{key.pk}/delete/").status_code == 403
    assert "delete_selected" not in admin_client.get(KEYS).content.decode()


def test_nobody_but_a_superuser_makes_keys(client):
    user = User.objects.create_user("staff", is_staff=True)
    rights = Permission.objects.filter(content_type__model="apikey")
    user.user_permissions.set(rights)
    client.force_login(user)

    assert make_in(client, user).status_code == 403
    assert not ApiKey.objects.exists()


def test_operators_see_and_act_on_the_orders_of_all_and_traders_on_none(client):
    order = make_order(owner=make_user("ada", "trader"))
    olga = User.objects.create_user("olga", is_staff=True)
    client.force_login(olga)
    assert client.get(LIST).status_code == 403

    olga.groups.add(Group.objects.get(name="trader"))
    assert client.get(LIST).status_code == 403
    olga.groups.set([Group.objects.get(name="operator")])
    assert client.get(LIST).status_code == 200
    assert client.get(page_of(order)).status_code == 200
    act(client, "cancel_orders", order)
    assert Order.objects.get().status == "cancelled"
    assert client.get(KEYS).status_code == 403
    assert client.get("/admin/dex/tradinghalt/").status_code == 200
