"""POST /api/orders/preview of an order that would be denied, refused, or is placed already."""

from __future__ import annotations

import json
from functools import partial

import pytest

from dex import desk
from dex.halting import halt_trading
from orders.models import Order
from orders.services import cancel_order
from orders.threads import in_thread

from .clients import order_text, post
from .previews import PREVIEW, SOL_FOR_USDC, ask, codes

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_halt_is_told_as_the_denial_that_it_would_be(localnet):
    await in_thread(halt_trading, "an audit failed")

    shown = await ask()

    assert (shown["outcome"], codes(shown)) == ("deny", [])
    assert shown["summary"] == (
        "The order would be denied, and nothing stored: Trading is halted until an "
        "operator lifts it. Place the order when trading goes on."
    )
    assert shown["denial"] == {
        "code": "trading_halted",
        "message": "Trading is halted until an operator lifts it. Place the order when "
        "trading goes on.",
        "rule": "trading",
        "limit": "active",
        "value": "halted",
    }
    assert "an audit failed" not in str(shown)  # it may name other owners' orders


async def test_open_orders_are_counted_as_if_it_were_placed(localnet, settings):
    settings.MAX_OPEN_ORDERS_PER_OWNER = 1
    assert (await ask())["denial"] is None

    await in_thread(post, order_text())

    denial = (await ask())["denial"]
    assert (denial["code"], denial["limit"], denial["value"]) == (
        "too_many_open_orders",
        1,
        1,
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [({"clientOrderId": "mine"}, {}), ({}, {"idempotency_key": "k"})],
    ids=["name", "key"],
)
async def test_a_repeated_order_is_told_as_the_one_that_it_is(localnet, name, key):
    body = order_text(**SOL_FOR_USDC, **name, slippage="0.05")
    placed = (await in_thread(partial(post, body, **key))).json()
    await in_thread(lambda: cancel_order(Order.objects.get()))

    shown = (await in_thread(partial(post, body, PREVIEW, **key))).json()

    order_id = placed["orderId"]
    assert shown == {
        "outcome": "replay",
        "summary": f"Nothing new would happen: this is your order {order_id}, which is "
        "cancelled. Placing it again answers with that one.",
        "warnings": [],
        "denial": None,
        "failure": None,
        "amountIn": "1",
        "expectedAmountOut": None,
        "minAmountOut": None,
        "fees": None,
        "simulation": None,
        "route": None,
        "quotes": [],
        "placedAs": order_id,
        "placedStatus": "cancelled",
    }


async def test_a_repeated_order_is_told_whatever_keeps_new_ones_out(localnet, settings):
    body = order_text(**SOL_FOR_USDC, clientOrderId="mine")
    await in_thread(post, body)
    await in_thread(halt_trading, "an audit failed")
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    await in_thread(desk.close)

    shown = await ask(clientOrderId="mine")

    assert (shown["outcome"], shown["denial"]) == ("replay", None)
    assert shown["placedStatus"] == "pending"


async def test_what_placing_would_refuse_a_preview_refuses(localnet):
    body = order_text(**SOL_FOR_USDC, clientOrderId="mine")
    await in_thread(lambda: post(body, idempotency_key="k"))
    other = json.dumps(json.loads(body) | {"amountIn": "2"})

    for headers, status, code in (
        ({}, 409, "client_order_id_conflict"),
        ({"idempotency_key": "k"}, 422, "idempotency_conflict"),
        ({"idempotency_key": "ä"}, 400, "invalid_idempotency_key"),
    ):
        previewed = await in_thread(partial(post, other, PREVIEW, **headers))
        placed = await in_thread(partial(post, other, **headers))
        assert (previewed.status_code, previewed.json()["code"]) == (status, code)
        assert previewed.json()["detail"] == placed.json()["detail"]
    bad = await in_thread(post, order_text(slippage="x"), PREVIEW)
    assert bad.json()["code"] == "validation_failed"


async def test_without_a_chain_there_is_no_preview(localnet, settings):
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    await in_thread(desk.close)

    answer = await in_thread(post, order_text(**SOL_FOR_USDC), PREVIEW)

    assert (answer.status_code, answer.json()["code"]) == (503, "rpc_unavailable")
    assert answer["Retry-After"] == "2"
