"""One order: its whole story, to its owner alone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from orders.event_frames import event_frame
from orders.models import Status

from .clients import get, listed
from .helpers import (
    ERRORED,
    claim,
    make_order,
    make_order_at,
    make_owner,
    move,
)

pytestmark = pytest.mark.django_db

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


def test_the_quotes_of_attempts_without_a_route_are_shown_with_their_attempt(client):
    order = make_order()
    held = claim(order)
    move(held, Status.PENDING, Status.ROUTING)
    refused = {"quotes": [LOSER]}
    move(held, Status.ROUTING, Status.ROUTING, attempt=2, data=refused)
    move(held, Status.ROUTING, Status.FAILED, attempt=2, data=refused)

    shown = get(client, f"/api/orders/{order.id}").json()

    assert shown["quotes"] == [
        {"attempt": 1, "sequence": 3, **LOSER},
        {"attempt": 2, "sequence": 4, **LOSER},
    ]


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
