"""POST /api/orders/execute: the seed's contract, replays, and what goes wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection

from orders.models import Order, OrderEvent

from .clients import ORDER, PATH, order_text, post
from .helpers import make_owner, make_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def tokens(transactional_db):
    make_owner()  # so that the only COMMIT of a request is the order's
    return make_token("A"), make_token("B", decimals=6)


def test_the_seeds_order_is_answered_with_exactly_its_id_and_socket():
    answer = post(order_text())

    order = Order.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "orderId": str(order.id),
        "wsUrl": f"ws://testserver/api/orders/execute?orderId={order.id}",
    }
    assert answer["Location"] == f"/api/orders/{order.id}"
    assert answer["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in answer
    assert (order.order_type, order.token_in.symbol, order.token_out.symbol) == (
        "market",
        "A",
        "B",
    )
    assert (order.amount_in, order.slippage_bps) == (100 * 10**9, 100)
    assert (order.owner.username, order.status) == ("local", "pending")
    assert OrderEvent.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("overrides", "base_units", "slippage_bps"),
    [
        ({"amountIn": "100", "slippage": "0.01"}, 100 * 10**9, 100),
        ({"amountIn": "0.000000001", "slippage": 0}, 1, 0),
        ({"amountIn": "18446744073.709551615"}, 2**64 - 1, 100),
        ({"amountIn": "1.50000000000000000"}, 1_500_000_000, 100),
        ({"slippage": "0.0001"}, 100 * 10**9, 1),
        ({"slippage": "0.5"}, 100 * 10**9, 5_000),
    ],
)
def test_amounts_are_exact_as_number_and_as_text(overrides, base_units, slippage_bps):
    assert post(order_text(**overrides)).status_code == 201

    order = Order.objects.get()
    assert (int(order.amount_in), order.slippage_bps) == (base_units, slippage_bps)


@pytest.mark.parametrize(
    ("overrides", "stored_bps", "shown"),
    [
        ({}, None, None),
        ({"maxPriceImpact": None}, None, None),
        ({"maxPriceImpact": 0.025}, 250, "0.025"),
        ({"maxPriceImpact": "0"}, 0, "0"),
        ({"maxPriceImpact": "1.0"}, 10_000, "1"),
    ],
)
def test_the_largest_price_impact_is_kept_with_the_order(
    client, overrides, stored_bps, shown
):
    assert post(order_text(**overrides)).status_code == 201

    order = Order.objects.get()
    assert order.max_price_impact_bps == stored_bps
    assert client.get(f"/api/orders/{order.id}").json()["maxPriceImpact"] == shown


def test_a_number_is_not_rounded_on_its_way():
    text = order_text().replace(": 100,", ": 0.123456789,")

    assert post(text).status_code == 201
    assert Order.objects.get().amount_in == Decimal(123_456_789)


def test_a_token_may_be_named_by_its_mint(tokens):
    token_in, token_out = tokens

    answer = post(order_text(tokenIn=token_in.mint, tokenOut=token_out.mint))

    assert answer.status_code == 201
    assert Order.objects.get().token_in == token_in


def test_the_socket_url_follows_the_request(settings):
    def url(**headers: str) -> str:
        answer = post(order_text(), host="localhost:8123", **headers)
        return str(answer.json()["wsUrl"].partition("?")[0])

    assert url() == "ws://localhost:8123/api/orders/execute"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert url(x_forwarded_proto="https") == "wss://localhost:8123/api/orders/execute"
    settings.PUBLIC_WS_URL = "wss://dex.example"
    assert url() == "wss://dex.example/api/orders/execute"


def test_a_request_keeps_its_id_or_gets_one():
    assert post(order_text(), x_request_id="client-7")["X-Request-ID"] == "client-7"
    made = post(order_text(), x_request_id="no good\n")["X-Request-ID"]
    assert UUID(made).hex == made


def test_a_key_returns_the_order_of_the_first_request():
    first = post(order_text(), idempotency_key="once")
    spelled_otherwise = order_text(amountIn="100.0", slippage="0.0100")
    again = post(spelled_otherwise, idempotency_key="once")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert Order.objects.count() == 1


def test_a_key_is_refused_for_another_order():
    post(order_text(), idempotency_key="once")

    answer = post(order_text(amountIn=101), idempotency_key="once")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_conflict")
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "é", "x" * 256])
def test_a_key_has_1_to_255_visible_ascii_characters(key):
    answer = post(order_text(), idempotency_key=key)

    assert (answer.status_code, answer.json()["code"]) == (
        400,
        "invalid_idempotency_key",
    )
    assert not Order.objects.exists()


def test_a_key_of_255_characters_is_kept():
    assert post(order_text(), idempotency_key="~" * 255).status_code == 201


def test_32_posts_at_once_with_one_key_make_one_order():
    def place(_: int) -> tuple[int, str]:
        try:
            answer = post(order_text(), idempotency_key="race")
            return answer.status_code, answer.json()["orderId"]
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(place, range(32)))

    assert sorted(status for status, _ in answers) == [200] * 31 + [201]
    assert {order_id for _, order_id in answers} == {str(Order.objects.get().id)}
    assert OrderEvent.objects.count() == 1


def test_other_methods_are_told_what_the_address_is_for(client):
    answer = client.get(PATH)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.json()["code"] == "method_not_allowed"
    assert "WebSocket" in answer.json()["detail"]


def test_the_order_of_the_tests_is_the_seeds():
    assert ORDER == {
        "type": "market",
        "tokenIn": "A",
        "tokenOut": "B",
        "amountIn": 100,
        "slippage": 0.01,
    }
