"""Who may do what by REST: bad keys, scopes, sessions, and two users beside each other."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from orders.access.keys import revoke
from orders.access.principal import Scope
from orders.models import Order, Status
from orders.recent import forget_all

from .accounts import bearer, keyed, make_text, make_user, refusal, trader
from .clients import ORDER, PAIR, PATH, order_text
from .helpers import make_order, make_order_at, make_pool, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_is_anonymous(settings):
    settings.ALLOW_ANONYMOUS = False
    make_token("A")
    make_token("B")


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


def ask(client: Client, method: str, path: str, **headers: str):
    if method == "get":
        return client.get(path, headers=headers)
    body = json.dumps(PAIR) if path == "/api/quotes" else order_text()
    return client.post(path, body, content_type="application/json", headers=headers)


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


# Two users.


def test_of_the_orders_of_another_no_operation_tells_or_changes_a_byte():
    ada, eve = trader("ada"), trader("eve")
    placed = ada.post(
        PATH,
        order_text(),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    ).json()
    order, _ = make_order_at(Status.CONFIRMED, owner=User.objects.get(username="ada"))
    secrets = {placed["orderId"], str(order.id), order.attempts.get().signature}

    def told(client: Client) -> str:
        answers = [
            client.get("/api/orders"),
            *(
                client.get("/api/orders", {name: value})
                for name, value in {
                    "status": "confirmed,pending",
                    "token": "A",
                    "createdBefore": "2100-01-01T00:00:00Z",
                    "cursor": _cursor_of(ada),
                }.items()
            ),
            *(client.get(f"/api/orders/{one}") for one in _ids()),
            *(client.post(f"/api/orders/{one}/cancel") for one in _ids()),
            *(client.post(f"/api/orders/{one}/ticket") for one in _ids()),
            client.get("/api/tokens"),
            client.get("/api/venues"),
            ask(client, "post", "/api/quotes"),
        ]
        # The addresses and the details of the 404s say the id that was asked for.
        shown = [
            answer.content.decode() for answer in answers if answer.status_code != 404
        ]
        return "\n".join(shown)

    assert all(secret in told(ada) for secret in secrets)
    heard = told(eve)
    assert not any(secret in heard for secret in secrets)
    assert {*Order.objects.values_list("status", flat=True)} == {
        "cancelled",  # by ada herself
        "confirmed",
    }


def _ids() -> list[str]:
    return [str(one) for one in Order.objects.values_list("id", flat=True)]


def _cursor_of(client: Client) -> str:
    cursor: str = client.get("/api/orders", {"limit": 1}).json()["nextCursor"]
    return cursor


def test_an_order_of_another_and_one_that_is_not_there_are_the_same_404():
    eve = trader("eve")
    foreign = str(make_order(owner=make_user("ada", "trader")).id)
    unknown = str(uuid4())

    for method, path in (("get", ""), ("post", "/cancel"), ("post", "/ticket")):
        answers = []
        for order_id in (foreign, unknown):
            answer = ask(eve, method, f"/api/orders/{order_id}{path}")
            assert refusal(answer) == (404, "order_not_found")
            request_id = answer["X-Request-ID"]
            body = answer.content.decode().replace(order_id, "ID")
            headers = {
                name: value
                for name, value in answer.items()
                if name not in ("X-Request-ID", "Date", "RateLimit-Remaining")
            }
            answers.append((body.replace(request_id, "REQUEST"), headers))
        assert answers[0] == answers[1]


def test_an_operator_has_only_orders_of_its_own_in_the_api():
    order = make_order(owner=make_user("ada", "trader"))
    operator = keyed(make_text(make_user("olga", "operator")))

    assert operator.get("/api/orders").json()["orders"] == []
    assert operator.get(f"/api/orders/{order.id}").status_code == 404
    assert operator.post(f"/api/orders/{order.id}/cancel").status_code == 404


def test_an_idempotency_key_belongs_to_an_owner_whichever_key_is_used():
    user = make_user("ada", "trader")
    one, two, other = keyed(make_text(user)), keyed(make_text(user)), trader("eve")

    def place(client: Client, body: str):
        return client.post(
            PATH,
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "k"},
        )

    first, again, foreign = (
        place(client, order_text()) for client in (one, two, other)
    )

    assert (first.status_code, again.status_code, foreign.status_code) == (
        201,
        200,
        201,
    )
    assert first.json()["orderId"] == again.json()["orderId"]
    assert first.json()["orderId"] != foreign.json()["orderId"]
    assert place(two, order_text(amountIn=7)).status_code == 422
    assert Order.objects.count() == 2


def test_the_name_of_anothers_order_is_free_and_tells_nothing():
    ada, eve = trader("ada"), trader("eve")
    mine, other = (order_text(clientOrderId="mine", amountIn=n) for n in (1, 2))

    def send(client: Client, path: str, body: str):
        return client.post(path, body, content_type="application/json")

    def look_up(client: Client):
        return client.get("/api/orders/by-client-id/mine")

    placed = send(ada, PATH, mine).json()
    assert look_up(ada).json()["orderId"] == placed["orderId"]
    assert refusal(send(ada, "/api/orders/preview", other))[0] == 409

    assert refusal(look_up(eve)) == (404, "order_not_found")
    previewed = send(eve, "/api/orders/preview", other)
    assert previewed.status_code != 409
    assert placed["orderId"] not in previewed.content.decode()
    own = send(eve, PATH, other)
    assert own.status_code == 201
    assert look_up(eve).json()["orderId"] == own.json()["orderId"]
    assert look_up(ada).json()["orderId"] == placed["orderId"]


def test_a_retired_key_of_another_order_does_not_tell_eve_that_it_was_used():
    """Eve's order under ada's key is a new one, also when its values differ."""
    ada, eve = trader("ada"), trader("eve")
    for client, amount in ((ada, 100), (eve, 7)):
        answer = client.post(
            PATH,
            json.dumps(ORDER | {"amountIn": amount}),
            content_type="application/json",
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status_code == 201


# Sessions.


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


def test_an_order_with_a_key_costs_no_query_for_its_rights(django_assert_num_queries):
    client = trader("ada")
    ask(client, "post", PATH)

    # Savepoint, order with its event, release: within the transaction of the test.
    with django_assert_num_queries(3):
        assert ask(client, "post", PATH).status_code == 201
