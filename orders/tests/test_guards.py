"""The guards on money: each at its boundary, by REST and by socket, with exact denials."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from dex.chain import meet_chain
from dex.halting import halt_by_operator, lift_halt
from dex.models import Token
from orders.errors import (
    NotTrading,
    OrderDenied,
    SlippageTooLarge,
    TokenNotAllowed,
)
from orders.models import Order, OrderLimits, OwnerLimit, Status
from orders.placing import place_order
from orders.recent import forget_all
from orders.services import retry_order
from orders.threads import in_thread

from .clients import open_socket, order_text, post
from .helpers import make_order_at, make_owner, make_token
from .test_placing import make_request

pytestmark = pytest.mark.django_db
by_socket = pytest.mark.django_db(transaction=True)

HALTED = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "Trading is halted until an operator lifts it. Nothing was stored: send the "
    "order again later. Orders that were accepted before wait until their deadline.",
    "instance": "/api/orders/execute",
    "code": "trading_halted",
    "retryAfterSeconds": 60,
    "rule": "trading",
    "limit": "active",
    "value": "halted",
}
TOO_LARGE = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "One order may sell 100.5 A at most. Send a smaller one.",
    "instance": "/api/orders/execute",
    "code": "order_too_large",
    "rule": "max_order",
    "limit": "100.5",
    "value": "100.500000001",
}
TOO_MANY = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": "You have 2 open orders, and 2 are the most. Wait until one has ended, or "
    "cancel one.",
    "instance": "/api/orders/execute",
    "code": "too_many_open_orders",
    "rule": "max_open_orders",
    "limit": 2,
    "value": 2,
}


@pytest.fixture(autouse=True)
def tokens(db):
    make_owner()
    make_token("A")
    make_token("B", decimals=6)
    meet_chain(
        genesis_hash="GenesisA",
        is_localnet=True,
        wallet="WalletA",
        newest_signature="sig1",
    )


def halt() -> None:
    halt_by_operator(by="ann", reason="the provider lies")
    forget_all()


def limit(**columns: int) -> None:
    OrderLimits.objects.update_or_create(id=1, defaults=columns)
    forget_all()


def set_max_order(base_units: int | None) -> None:
    Token.objects.filter(symbol="A").update(max_order=base_units)
    forget_all()


def denial(answer) -> dict[str, object]:
    body = dict(answer.json())
    assert body.pop("requestId") == answer["X-Request-ID"]
    assert answer.status_code == body["status"]
    return body


def count_orders() -> int:
    return Order.objects.count()


# Active or halted.


def test_while_trading_is_halted_no_order_is_accepted_and_none_is_stored():
    halt()

    answer = post(order_text())

    assert denial(answer) == HALTED
    assert answer["Retry-After"] == "60"
    assert "provider" not in answer.content.decode()
    assert count_orders() == 0

    lift_halt(by="ann", reason="it was mended")
    forget_all()
    assert post(order_text()).status_code == 201


def test_an_accepted_order_is_answered_by_its_key_although_trading_is_halted_since():
    first = post(order_text(), idempotency_key="k")
    halt()

    again = post(order_text(), idempotency_key="k")
    other = post(order_text(amountIn=7), idempotency_key="k")
    new = post(order_text(), idempotency_key="new")

    assert (again.status_code, again.json()) == (200, first.json())
    assert other.json()["code"] == "idempotency_conflict"
    assert new.json()["code"] == "trading_halted"


def test_quotes_are_answered_and_orders_shown_and_cancelled_while_trading_is_halted(
    client,
):
    order_id = post(order_text()).json()["orderId"]
    halt()

    assert client.get(f"/api/orders/{order_id}").status_code == 200
    assert post("", f"/api/orders/{order_id}/cancel").status_code == 200


def test_an_order_is_not_retried_while_trading_is_halted():
    order, _ = make_order_at(Status.FAILED)
    halt()

    with pytest.raises(NotTrading, match="halted until an operator"):
        retry_order(order)


# The largest order.


def test_an_order_may_be_as_large_as_its_token_allows_and_not_a_base_unit_larger():
    set_max_order(100_500_000_000)

    assert post(order_text(amountIn="100.5")).status_code == 201
    assert denial(post(order_text(amountIn="100.500000001"))) == TOO_LARGE
    assert count_orders() == 1


def test_the_setting_bounds_tokens_that_have_no_largest_order_of_their_own(settings):
    settings.MAX_ORDER = 100

    assert post(order_text(amountIn="100")).status_code == 201
    refused = post(order_text(amountIn="100.000000001")).json()
    assert (refused["limit"], refused["value"]) == ("100", "100.000000001")

    set_max_order(200 * 10**9)
    assert post(order_text(amountIn="200")).status_code == 201


def test_what_is_bought_has_no_largest_order():
    set_max_order(1)

    answer = post(order_text(tokenIn="B", tokenOut="A", amountIn="1000"))

    assert answer.status_code == 201


# The largest slippage.


def test_the_slippage_may_be_what_operators_allow_and_not_a_basis_point_more():
    limit(max_slippage_bps=99)

    assert post(order_text(slippage="0.0099")).status_code == 201
    (error,) = post(order_text(slippage="0.01")).json()["errors"]
    assert error == {
        "field": "slippage",
        "code": "slippage_out_of_range",
        "message": "Use a fraction from 0 to 0.0099.",
        "rule": "max_slippage",
        "limit": "0.0099",
        "value": "0.01",
    }
    assert count_orders() == 1


def test_operators_cannot_allow_more_slippage_than_the_setting(settings):
    settings.MAX_SLIPPAGE_BPS = 50
    limit(max_slippage_bps=99)

    assert post(order_text(slippage="0.005")).status_code == 201
    (error,) = post(order_text(slippage="0.0051")).json()["errors"]
    assert error["limit"] == "0.005"


def test_an_order_is_not_retried_with_a_slippage_that_is_no_longer_allowed():
    order, _ = make_order_at(Status.FAILED, slippage_bps=100)
    limit(max_slippage_bps=99)

    with pytest.raises(SlippageTooLarge) as refusal:
        retry_order(order)

    said = refusal.value
    assert (said.rule, said.limit, said.value) == ("max_slippage", "0.0099", "0.01")


# Allowed tokens.


@pytest.mark.parametrize("name", ["OFF", "NOPE"])
def test_a_token_that_is_not_allowed_is_refused_by_the_name_of_the_rule(name):
    make_token("OFF", enabled=False)

    (error,) = post(order_text(tokenOut=name)).json()["errors"]

    assert error == {
        "field": "tokenOut",
        "code": "unknown_token",
        "message": "No such token can be traded; see /api/tokens.",
        "rule": "allowed_tokens",
        "limit": "/api/tokens",
        "value": name,
    }


@pytest.mark.parametrize("side", ["token_in", "token_out"])
def test_an_order_is_not_retried_with_a_token_that_is_no_longer_allowed(side):
    order, _ = make_order_at(Status.FAILED)
    Token.objects.filter(id=getattr(order, side).id).update(enabled=False)

    with pytest.raises(TokenNotAllowed) as refusal:
        retry_order(Order.objects.get(id=order.id))

    said = refusal.value
    assert (said.rule, said.value) == ("allowed_tokens", getattr(order, side).mint)


# Open orders.


def test_an_owner_may_have_as_many_open_orders_as_are_allowed_and_none_more():
    limit(max_open_orders=2)
    assert post(order_text()).status_code == 201
    second = post(order_text(), idempotency_key="second")
    assert second.status_code == 201

    assert denial(post(order_text())) == TOO_MANY
    again = post(order_text(), idempotency_key="second")
    assert (again.status_code, again.json()) == (200, second.json())

    order_id = second.json()["orderId"]
    assert post("", f"/api/orders/{order_id}/cancel").status_code == 200
    assert post(order_text()).status_code == 201


def test_a_limit_below_what_is_open_already_says_how_many_are_open():
    for _ in range(3):
        post(order_text())
    limit(max_open_orders=2)

    body = post(order_text()).json()

    assert (body["limit"], body["value"]) == (2, 3)
    assert count_orders() == 3


def test_the_setting_bounds_open_orders_where_operators_have_set_nothing(settings):
    settings.MAX_OPEN_ORDERS_PER_OWNER = 1

    assert post(order_text()).status_code == 201
    assert post(order_text()).json()["code"] == "too_many_open_orders"


def test_a_limit_of_one_owner_takes_the_place_of_that_of_all():
    limit(max_open_orders=1)
    owners = [make_owner(name) for name in ("one", "two")]
    OwnerLimit.objects.create(owner=owners[1], max_open_orders=2)
    forget_all()

    def placed_by(owner: User) -> int:
        for count in range(3):
            try:
                place_order(make_request(), owner=owner)
            except OrderDenied:
                return count
        return 3

    assert [placed_by(owner) for owner in owners] == [1, 2]


# By socket.


@by_socket
async def test_a_socket_has_the_same_denials_and_stays_open():
    def prepare() -> None:
        set_max_order(100_500_000_000)
        limit(max_open_orders=2, max_slippage_bps=100)

    await in_thread(prepare)
    async with open_socket() as socket:

        async def answer_to(**overrides) -> dict[str, Any]:
            await socket.send(order_text(**overrides))
            while "sequence" in (frame := await socket.frame()):
                pass
            del frame["requestId"]
            return frame

        assert await answer_to(amountIn="100.500000001") == TOO_LARGE
        refused = await answer_to(slippage="0.0101")
        assert refused["errors"][0]["rule"] == "max_slippage"
        for _ in range(2):
            assert "orderId" in await answer_to(amountIn="100.5", slippage="0.01")
        assert await answer_to() == TOO_MANY
        await in_thread(halt)
        assert await answer_to() == HALTED
    assert await in_thread(count_orders) == 2
