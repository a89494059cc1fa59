"""No order is accepted while trading is halted, and what goes on all the same."""

from __future__ import annotations

import pytest

from dex.halting import lift_halt
from orders.errors import (
    NotTrading,
)
from orders.models import Status
from orders.recent import forget_all
from orders.services import retry_order

from .clients import order_text, post
from .denials import HALTED, count_orders, denial, halt
from .helpers import make_order_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tradable")]


def test_orders_that_a_halt_refuses_fill_no_log(caplog):
    halt()
    caplog.clear()

    assert denial(post(order_text())) == HALTED

    assert caplog.text == ""


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
