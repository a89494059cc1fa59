"""Listing, showing and cancelling orders; tokens, venues, quotes; no database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from dex import desk
from orders.models import Order, Status
from orders.serializers import event_frame

from .clients import ORDER, order_text, post
from .faults import no_database
from .helpers import (
    ERRORED,
    make_address,
    make_order,
    make_order_at,
    make_owner,
    make_pool,
    make_token,
    move,
)

pytestmark = pytest.mark.django_db


def get(client, path: str, **query: Any) -> Any:
    return client.get(path, query)


def listed(client, **query: Any) -> list[str]:
    answer = get(client, "/api/orders", **query)
    assert answer.status_code == 200, answer.content
    return [order["orderId"] for order in answer.json()["orders"]]


def ids(*orders: Order) -> list[str]:
    return [str(order.id) for order in orders]


def test_orders_are_listed_newest_first(client):
    orders = [make_order() for _ in range(3)]

    assert listed(client) == ids(*reversed(orders))


def test_pages_show_each_order_once_while_orders_arrive(client):
    now = make_order().created_at
    make_order(owner=make_owner("other"))
    # Some of one moment, so that the id has to decide.
    for number in range(11):
        make_order(created_at=now - timedelta(seconds=number // 3))
    expected = ids(*Order.objects.filter(owner__username="local"))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, "/api/orders", limit=5, **cursor).json()
        seen += [order["orderId"] for order in page["orders"]]
        make_order()  # newer than the page: must not shift the next one
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}

    assert seen == expected
    assert len(seen) == 12


def test_filters_choose_by_status_type_venue_token_and_time(client):
    pending = make_order(token_out=make_token("C"))
    confirmed, _ = make_order_at(Status.CONFIRMED)
    Order.objects.filter(id=confirmed.id).update(venue="meteora")
    old = make_order(created_at=Now() - timedelta(days=1))
    moment = (pending.created_at - timedelta(hours=1)).isoformat()

    assert listed(client, status="confirmed") == ids(confirmed)
    assert listed(client, status="confirmed,failed") == ids(confirmed)
    assert listed(client, type="market") == ids(confirmed, pending, old)
    assert listed(client, venue="meteora") == ids(confirmed)
    assert listed(client, token="C") == ids(pending)
    assert listed(client, token=make_token("C").mint) == ids(pending)
    assert listed(client, token="unheard") == []
    assert listed(client, createdAfter=moment) == ids(confirmed, pending)
    assert listed(client, createdBefore=moment) == ids(old)
    assert listed(client, status="pending", token="A", createdAfter=moment) == ids(
        pending
    )


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("status", "done", "invalid_parameter"),
        ("status", "", "invalid_parameter"),
        ("type", "limit", "invalid_parameter"),
        ("venue", "orca", "invalid_parameter"),
        ("token", "", "invalid_parameter"),
        ("token", "A\0", "invalid_parameter"),
        ("createdAfter", "yesterday", "invalid_parameter"),
        ("createdAfter", "2026-11-20T09:14:03", "invalid_parameter"),
        ("createdBefore", "2026-13-40T00:00:00Z", "invalid_parameter"),
        ("limit", "0", "invalid_parameter"),
        ("limit", "201", "invalid_parameter"),
        ("limit", "-1", "invalid_parameter"),
        ("limit", "9" * 5_000, "invalid_parameter"),
        ("cursor", "x", "invalid_parameter"),
        ("cursor", "é", "invalid_parameter"),
        ("cursor", "eHx5", "invalid_parameter"),
        ("owner", "me", "unknown_parameter"),
        ("limit", ["1", "2"], "repeated_parameter"),
    ],
)
def test_a_bad_filter_is_named(client, name, value, code):
    answer = get(client, "/api/orders", **{name: value})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (name, code)
    assert error["message"]


QUOTE = {"venue": "raydium", "pool": "p", "amountOut": "0.000002"}
LOSER = {"venue": "meteora", "pool": None, "lost": {"code": "no_pool", "reason": "-"}}


def test_an_order_shows_its_whole_story(client):
    order, _ = make_order_at(
        Status.CONFIRMED,
        data={Status.BUILDING: {"route": QUOTE, "quotes": [QUOTE, LOSER]}},
    )

    shown = get(client, f"/api/orders/{order.id}").json()

    assert shown["orderId"] == str(order.id)
    assert (shown["status"], shown["amountIn"], shown["slippage"]) == (
        "confirmed",
        "100",
        "0.01",
    )
    assert (shown["amountInFilled"], shown["amountOut"]) == ("100", "0.00000199")
    assert shown["history"] == [event_frame(event) for event in order.events.all()]
    assert shown["quotes"] == [
        {"attempt": 1, "sequence": 3, **QUOTE},
        {"attempt": 1, "sequence": 3, **LOSER},
    ]
    [attempt] = shown["attempts"]
    stored = order.attempts.get()
    assert attempt["signature"] == stored.signature
    assert (attempt["attempt"], attempt["state"], attempt["slot"]) == (1, "landed", 77)
    assert (attempt["quotedAmountOut"], attempt["minAmountOut"]) == (
        "0.000002",
        "0.00000198",
    )
    assert (attempt["feeLamports"], attempt["error"]) == (5_000, None)


def test_neither_bytes_nor_bookkeeping_leave_the_house(client):
    order, _ = make_order_at(Status.SUBMITTED)

    shown = get(client, f"/api/orders/{order.id}")

    assert not {"raw_transaction", "rawTransaction"} & set(shown.json()["attempts"][0])
    for secret in ("fence", "lease", "request_hash", "requestHash", "idempotency"):
        assert secret not in shown.content.decode()


def test_an_unhappy_end_says_why_and_what_it_cost(client):
    order, held = make_order_at(Status.SUBMITTED)
    failure = {
        "failure_code": "slippage_exceeded",
        "failure_message": "The pool pays less than the floor.",
        "funds_moved": "fee_only",
    }
    move(held, Status.SUBMITTED, Status.FAILED, closes=ERRORED, columns=failure)

    shown = get(client, f"/api/orders/{order.id}").json()

    assert shown["failure"] == {
        "code": "slippage_exceeded",
        "message": "The pool pays less than the floor.",
        "fundsMoved": "fee_only",
    }
    assert shown["attempts"][0]["error"] == {
        "code": "slippage_exceeded",
        "message": "the pool pays less",
    }


@pytest.mark.parametrize("order_id", [uuid4(), "1", "None", "%00", "' OR 1=1"])
def test_an_unknown_order_is_not_found(client, order_id):
    for answer in (
        client.get(f"/api/orders/{order_id}"),
        client.post(f"/api/orders/{order_id}/cancel"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")


def test_an_order_of_somebody_else_is_as_unknown(client):
    order = make_order(owner=make_owner("other"))

    assert get(client, f"/api/orders/{order.id}").status_code == 404
    assert client.post(f"/api/orders/{order.id}/cancel").status_code == 404
    assert listed(client) == []


def test_an_order_without_a_signature_is_cancelled(client):
    order, _ = make_order_at(Status.BUILDING)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["failure"]["fundsMoved"] == "none"
    assert client.post(f"/api/orders/{order.id}/cancel").status_code == 200  # again


def test_a_signed_order_answers_409_and_makes_no_further_attempt(client):
    order, _ = make_order_at(Status.SUBMITTED)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "cancel_conflict")
    assert answer.json()["orderStatus"] == "submitted"
    assert Order.objects.get(id=order.id).cancel_requested_at is not None


def test_a_closed_order_answers_409(client):
    order, _ = make_order_at(Status.CONFIRMED)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["orderStatus"]) == (409, "confirmed")


def test_tokens_are_those_that_are_enabled(client):
    token = make_token("A")
    make_token("OFF", enabled=False)

    assert get(client, "/api/tokens").json() == {
        "tokens": [
            {
                "symbol": "A",
                "name": "Token A",
                "mint": token.mint,
                "decimals": 9,
                "tokenProgram": token.token_program,
            }
        ]
    }


def test_venues_show_the_pools_that_orders_may_use(client):
    pool = make_pool("meteora")
    make_pool("meteora", enabled=False)
    make_pool("meteora", token_a=make_token("OFF", enabled=False))

    venues = {
        venue["name"]: venue for venue in get(client, "/api/venues").json()["venues"]
    }

    assert set(venues) == {"raydium", "meteora"}
    assert venues["raydium"]["pools"] == []
    assert venues["meteora"]["pools"] == [
        {
            "address": pool.address,
            "tokenA": {"symbol": "A", "mint": pool.token_a.mint},
            "tokenB": {"symbol": "B", "mint": pool.token_b.mint},
        }
    ]


@pytest.fixture
def no_rpc(settings):
    """Have the quote desk ask an endpoint where nobody listens."""
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    desk._desk.close()
    yield
    desk._desk.close()


@pytest.mark.usefixtures("no_rpc")
def test_without_rpc_there_are_no_quotes_but_orders_are_accepted(client):
    make_pool("raydium", address=make_address())
    quotes = client.post("/api/quotes", PAIR, content_type="application/json")

    assert (quotes.status_code, quotes.json()["code"]) == (503, "rpc_unavailable")
    assert quotes["Retry-After"] == "2"
    assert post(order_text()).status_code == 201


def test_a_bad_question_for_quotes_is_refused_like_a_bad_order():
    make_token("A")
    make_token("B")

    problem = post(order_text(), "/api/quotes").json()

    assert sorted((error["field"], error["code"]) for error in problem["errors"]) == [
        ("slippage", "unknown_field"),
        ("type", "unknown_field"),
    ]


PAIR = {"tokenIn": "A", "tokenOut": "B", "amountIn": 1}
EVERY_ENDPOINT = {
    "list": ("get", "/api/orders", None),
    "order": ("get", f"/api/orders/{uuid4()}", None),
    "cancel": ("post", f"/api/orders/{uuid4()}/cancel", None),
    "execute": ("post", "/api/orders/execute", ORDER),
    "quotes": ("post", "/api/quotes", PAIR),
    "tokens": ("get", "/api/tokens", None),
    "venues": ("get", "/api/venues", None),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path", "body"), EVERY_ENDPOINT.values(), ids=EVERY_ENDPOINT
)
def test_without_a_database_every_endpoint_says_try_again(client, method, path, body):
    with no_database():
        send = getattr(client, method)
        answer = send(path, body, content_type="application/json")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "database_unavailable"


def test_the_openapi_document_names_every_endpoint_and_error(client):
    schema = client.get(
        "/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"}
    ).json()

    operations = {
        (method, path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        ("get", "/api/orders"),
        ("get", "/api/orders/{order_id}"),
        ("post", "/api/orders/{order_id}/cancel"),
        ("post", "/api/orders/execute"),
        ("post", "/api/quotes"),
        ("get", "/api/tokens"),
        ("get", "/api/venues"),
    }
    for operation in operations.values():
        assert set(operation["responses"]["503"]["content"]) == {
            "application/problem+json"
        }
    execute = operations["post", "/api/orders/execute"]
    assert set(execute["responses"]) == {
        "200",
        "201",
        "400",
        "413",
        "415",
        "422",
        "503",
    }
    assert set(execute["requestBody"]["content"]) == {"application/json"}
