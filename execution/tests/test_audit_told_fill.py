"""The fill in an order's row against the fill that its last event shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import F

from dex.amounts import to_whole
from dex.models import Token
from execution.audit.rules import broken_rules, every_order
from orders.models import Order, Status

from .audited import change, confirmed_order

pytestmark = pytest.mark.django_db


def differing() -> list[object]:
    found = broken_rules(every_order())
    return [v.subject for v in found if v.rule == "fill_differs_from_event"]


def event_shows(order: Order, **data: object) -> None:
    event = order.events.get(status=Status.CONFIRMED)
    event.data |= data
    event.save(update_fields=["data"])


@pytest.mark.parametrize(
    "tamper",
    [
        lambda order: change(order, amount_out=F("amount_out") + 1),
        lambda order: change(order, amount_in_filled=F("amount_in_filled") - 1),
        lambda order: change(order, slot=78),
        lambda order: change(order, slot=None),
        lambda order: event_shows(order, amountOut="0.000001991"),
        lambda order: event_shows(order, amountIn="junk"),
        lambda order: event_shows(order, slot=None),
    ],
)
def test_a_fill_that_differs_by_one_unit_from_its_event_is_found(
    tamper: Callable[[Order], object],
):
    confirmed_order()
    order = confirmed_order()
    assert differing() == []

    tamper(order)

    assert differing() == [order.id]


@pytest.mark.parametrize("decimals", [0, 6, 18])
@pytest.mark.parametrize("amount", [1, 10**6, 10**9 + 1, 2**64 - 1])
def test_a_fill_is_compared_to_the_last_unit_whatever_its_tokens_decimals(
    decimals: int, amount: int
):
    order = confirmed_order()
    Token.objects.filter(id=order.token_out_id).update(decimals=decimals)
    change(order, amount_out=amount, min_amount_out=1)
    event_shows(order, amountOut=to_whole(amount, decimals))
    assert differing() == []

    change(order, amount_out=amount - 1)
    assert differing() == [order.id]
