"""Two users of the REST API: neither hears of the other's orders, nor changes them."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orders.models import Order, Status

from .accounts import ask, keyed, make_text, make_user, refusal, trader
from .clients import ORDER, PATH, order_text
from .helpers import make_order, make_order_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("nobody_is_anonymous"),
]


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
