"""POST /api/orders/preview of an order that would be denied, refused, or is placed already."""

from __future__ import annotations

import json
from functools import partial

import pytest

from dex import desk
from dex.halting import halt_trading
from orders.threads import in_thread

from .clients import order_text, post
from .previews import PREVIEW, SOL_FOR_USDC, ask, codes

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_halt_is_told_as_the_denial_that_it_would_be(localnet):
    await in_thread(halt_trading, "an audit failed")

    shown = await ask()

    assert (shown["outcome"], codes(shown)) == ("deny", [])
    assert shown["denial"].pop("message") in shown["summary"]
    assert shown["denial"] == {
        "code": "trading_halted",
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


async def test_an_order_that_was_placed_before_is_told_so(localnet):
    body = order_text(**SOL_FOR_USDC, clientOrderId="mine")
    placed = (await in_thread(post, body)).json()

    shown = await ask(clientOrderId="mine")

    assert (shown["outcome"], shown["placedAs"]) == ("replay", placed["orderId"])
    assert placed["orderId"] in shown["summary"]


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
