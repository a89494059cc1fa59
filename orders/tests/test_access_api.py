"""Who may do what by REST: without a key, with a bad one, and by the scopes of a good one."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from orders.access.keys import revoke
from orders.access.principal import Scope
from orders.models import Order

from .accounts import ask, bearer, keyed, make_text, make_user, refusal, trader
from .clients import PATH
from .helpers import make_pool

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("nobody_is_anonymous"),
]


NO_ORDER = UUID(int=4, version=4)
ADDRESSES = [
    ("get", "/api/orders"),
    ("get", f"/api/orders/{NO_ORDER}"),
    ("post", f"/api/orders/{NO_ORDER}/cancel"),
    ("post", f"/api/orders/{NO_ORDER}/ticket"),
    ("post", PATH),
    ("post", "/api/quotes"),
    ("get", "/api/tokens"),
    ("get", "/api/venues"),
    ("get", "/api/orders/by-client-id/mine"),
    ("post", "/api/orders/preview"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_without_a_key_nothing_is_told_and_nothing_is_done(client, method, path):
    answer = ask(client, method, path)

    assert refusal(answer) == (401, "authentication_required")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert not Order.objects.exists()


@pytest.mark.parametrize("path", ["/healthz", "/api/schema/", "/api/docs/"])
def test_what_holds_nobodys_data_needs_no_key(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("is_allowed", [True, False])
def test_without_a_key_user_local_acts_only_where_the_settings_say_so(
    client, settings, is_allowed
):
    settings.ALLOW_ANONYMOUS = is_allowed

    assert ask(client, "post", PATH).status_code == (201 if is_allowed else 401)
    owners = Order.objects.values_list("owner__username", flat=True)
    assert list(owners) == ["local"] * is_allowed


def test_a_local_user_who_is_switched_off_acts_for_nobody(client, settings):
    settings.ALLOW_ANONYMOUS = True
    User.objects.create(username="local", is_active=False)

    assert refusal(ask(client, "get", "/api/orders"))[0] == 401


def bad_headers() -> dict[str, str]:
    """Return a header for each way in which a key can count for nothing."""
    ada = make_user("ada", "trader")
    good = make_text(ada)
    revoked = make_text(ada)
    revoke(prefix=revoked[4:12])
    gone = make_user("gone", "trader")
    inactive = make_text(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    texts = {
        "unknown prefix": f"dex_zzzzzzzz_{good[13:]}",
        "wrong secret": good[:13] + "A" * 43,
        "secret of another": good[:13] + make_text(ada)[13:],
        "revoked": revoked,
        "expired": make_text(ada, expires_at=timezone.now() - timedelta(seconds=1)),
        "inactive owner": inactive,
        "owner without group": make_text(make_user("alone")),
        "nothing both allow": make_text(make_user("eve", "viewer"), [Scope.TRADE]),
        "empty": "",
        "short": good[:-1],
        "long": f"{good}A",
        "two": f"{good},{good}",
        "not ASCII": "dex_é",
        "NUL": f"{good}\0",
    }
    return {
        **{name: f"Bearer {text}" for name, text in texts.items()},
        "Basic": "Basic YWRhOmFkYQ==",
        "no scheme": good,
        "nothing": "",
    }


@pytest.mark.parametrize("allows_anonymous", [False, True])
def test_every_bad_key_is_answered_with_the_same_body(settings, allows_anonymous):
    settings.ALLOW_ANONYMOUS = allows_anonymous
    bodies = set()
    for name, header in bad_headers().items():
        for method, path in ADDRESSES[:5]:
            answer = ask(Client(), method, path, Authorization=header)
            assert refusal(answer) == (401, "invalid_key"), name
            assert answer["WWW-Authenticate"] == "Bearer"
            body = answer.json()
            del body["requestId"], body["instance"]
            bodies.add(json.dumps(body))

    assert len(bodies) == 1
    assert not Order.objects.exists()


def test_a_scheme_is_read_in_any_case_and_a_key_in_its_own():
    text = make_text(make_user("ada", "trader"))
    client = Client()

    assert ask(client, "get", "/api/orders", Authorization=f"bearer {text}")
    assert ask(client, "get", "/api/orders", **bearer(text)).status_code == 200
    upper = ask(client, "get", "/api/orders", **bearer(text.upper()))
    assert upper.status_code == 401


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.READ, {"get", "/api/quotes", "/api/orders/preview", "ticket"}),
        (Scope.TRADE, {"execute", "cancel"}),
    ],
)
def test_a_key_does_what_its_scopes_say_and_nothing_else(scope, allowed):
    client = keyed(make_text(make_user("ada", "trader"), [scope]))
    make_pool()

    for method, path in ADDRESSES:
        answer = ask(client, method, path)
        may = method in allowed or path in allowed or path.split("/")[-1] in allowed
        if may:
            assert answer.status_code not in (401, 403), path
        else:
            assert refusal(answer) == (403, "missing_scope"), path


def test_an_order_with_a_key_costs_no_query_for_its_rights(django_assert_num_queries):
    client = trader("ada")
    ask(client, "post", PATH)

    # Savepoint, order with its event, release: within the transaction of the test.
    with django_assert_num_queries(3):
        assert ask(client, "post", PATH).status_code == 201
