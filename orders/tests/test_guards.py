"""The guards on each order: how much, with which slippage, of which tokens, at their boundaries."""

from __future__ import annotations

import pytest

from dex.models import Token
from orders.errors import (
    SlippageTooLarge,
    TokenNotAllowed,
)
from orders.models import Order, Status
from orders.services import retry_order

from .clients import order_text, post
from .denials import TOO_LARGE, count_orders, denial, limit, set_max_order
from .helpers import make_order_at, make_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tradable")]


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
