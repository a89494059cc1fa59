"""Who may do what by REST with the session of a browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orders.models import Order
from orders.recent import forget_all

from .accounts import ask, bearer, keyed, make_text, make_user, refusal
from .clients import PATH
from .helpers import make_order

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("nobody_is_anonymous"),
]


def logged_in(user: User) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(user)
    return client


def test_a_session_reads_and_with_the_csrf_token_trades():
    client = logged_in(make_user("ada", "trader"))

    assert ask(client, "get", "/api/orders").status_code == 200
    assert refusal(ask(client, "post", PATH)) == (403, "csrf_failed")
    assert not Order.objects.exists()
    client.cookies["csrftoken"] = "t" * 32
    answer = ask(client, "post", PATH, **{"X-CSRFToken": "t" * 32})
    assert answer.status_code == 201
    assert Order.objects.get().owner.get_username() == "ada"


@pytest.mark.parametrize("groups", [[], ["viewer"]])
def test_a_session_allows_what_the_groups_of_its_user_allow(settings, groups):
    settings.ALLOW_ANONYMOUS = True  # which makes nobody more than they are
    client = logged_in(make_user("ada", *groups))
    client.cookies["csrftoken"] = "t" * 32

    read = ask(client, "get", "/api/orders")
    assert read.status_code == (200 if groups else 403)
    answer = ask(client, "post", PATH, **{"X-CSRFToken": "t" * 32})
    assert refusal(answer) == (403, "missing_scope")


def test_a_key_and_a_cookie_never_add_up():
    client = logged_in(make_user("ada", "trader"))
    reader = make_text(make_user("eve", "viewer"))

    assert refusal(ask(client, "get", "/api/orders", **bearer("dex_x"))) == (
        401,
        "invalid_key",
    )
    # Eve's key with ada's session is eve, with eve's scopes.
    make_order(owner=User.objects.get(username="ada"))
    assert ask(client, "get", "/api/orders", **bearer(reader)).json()["orders"] == []
    assert refusal(ask(client, "post", PATH, **bearer(reader))) == (
        403,
        "missing_scope",
    )


def test_a_key_needs_no_csrf_token():
    client = logged_in(make_user("ada", "viewer"))
    text = make_text(make_user("eve", "trader"))

    assert ask(client, "post", PATH, **bearer(text)).status_code == 201
    assert Order.objects.get().owner.get_username() == "eve"


def test_whoever_is_switched_off_is_out_at_once_with_session_and_key():
    user = make_user("ada", "trader")
    session, key = logged_in(user), keyed(make_text(user))
    assert ask(session, "get", "/api/orders").status_code == 200
    assert ask(key, "get", "/api/orders").status_code == 200

    User.objects.update(is_active=False)
    forget_all()  # half a second later

    assert ask(session, "get", "/api/orders").status_code == 401
    assert ask(key, "get", "/api/orders").status_code == 401
