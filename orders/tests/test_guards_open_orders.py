"""An owner has no more open orders than operators allow; a socket hears of it as REST does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from orders.errors import OrderDenied
from orders.models import OwnerLimit
from orders.placing import place_order
from orders.recent import forget_all
from orders.threads import in_thread

from .clients import open_socket, order_text, post
from .denials import (
    HALTED,
    TOO_LARGE,
    TOO_MANY,
    count_orders,
    denial,
    halt,
    limit,
    set_max_order,
)
from .helpers import make_owner
from .test_placing import make_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tradable")]


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


@pytest.mark.django_db(transaction=True)
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
