"""POST /api/quotes against the pools of a localnet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dex import desk
from dex.allow_list import allow_genesis
from dex.localnet.testing import running_localnet
from dex.models import Chain, Pool
from orders.models import Order
from orders.threads import in_thread

from .clients import post
from .helpers import make_address

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def localnet(settings):
    async with running_localnet() as localnet:
        settings.SOLANA_RPC_URLS = localnet.urls
        await in_thread(desk.close)
        await in_thread(allow_genesis, localnet.control("localnet_genesis"))
        yield localnet
        await in_thread(desk.close)


async def ask(
    token_in: str = "SOL", token_out: str = "USDC", amount: str = "1", **more: str
) -> Any:
    body = {"tokenIn": token_in, "tokenOut": token_out, "amountIn": amount, **more}
    answer = await in_thread(post, json.dumps(body), "/api/quotes")
    assert answer.status_code == 200, answer.content
    return answer.json()


async def test_every_venue_answers_and_the_route_is_the_best_of_them(localnet):
    shown = await ask()

    best, *others = shown["quotes"]
    assert {quote["venue"] for quote in shown["quotes"]} == {"raydium", "meteora"}
    assert shown["route"] == best
    assert "lost" not in best
    assert best["amountIn"] == "1"
    for other in others:
        assert other["lost"]["code"] == "lower_output"
        assert float(other["amountOut"]) < float(best["amountOut"])
    assert await in_thread(lambda: Order.objects.count()) == 0


async def test_the_price_is_what_is_paid_per_token(localnet):
    route = (await ask(amount="2"))["route"]

    assert float(route["price"]) == pytest.approx(float(route["amountOut"]) / 2)


async def test_a_pair_without_pools_has_no_route_and_says_why(localnet):
    await in_thread(lambda: Pool.objects.update(enabled=False))

    shown = await ask()

    assert shown["route"] is None
    assert {quote["venue"]: quote["lost"]["code"] for quote in shown["quotes"]} == {
        "raydium": "no_pool",
        "meteora": "no_pool",
    }


async def test_each_quote_says_what_landing_it_costs_and_what_is_left(localnet):
    shown = await ask("RAY", "USDC", "10")

    for quote in shown["quotes"]:
        assert quote["networkFeeLamports"] == "5000"
        # No chain was met, so the wallet is not known.
        assert quote["rentLamports"] is None
        assert quote["pendingSwaps"] == 0
        costs = float(quote["amountOut"]) - float(quote["netAmountOut"])
        assert 0.000745 < costs < 0.000766  # 5,000 lamports at 150 to 153 USDC


async def test_a_wallet_without_the_tokens_account_is_told_its_rent(localnet):
    genesis_hash = localnet.control("getGenesisHash")
    await in_thread(
        lambda: Chain.objects.create(
            id=1, genesis_hash=genesis_hash, is_localnet=True, wallet=make_address()
        )
    )

    shown = await ask()

    assert {quote["rentLamports"] for quote in shown["quotes"]} == {"2039280"}


async def test_a_limit_on_the_price_impact_refuses_with_both_figures(localnet):
    shown = await ask(amount="3000", maxPriceImpact="0.02")

    best, other = shown["quotes"]
    assert (shown["route"], best["venue"]) == (best, "meteora")
    assert best["priceImpactBps"] <= 200 < other["priceImpactBps"]
    assert other["lost"] == {
        "code": "price_impact_too_high",
        "reason": f"The price impact is {other['priceImpactBps'] / 100:g} %, above the "
        "order's limit (maxPriceImpact) of 2 %. Use a smaller amount.",
    }


async def test_without_a_quote_within_the_limit_there_is_no_route(localnet, settings):
    settings.MAX_PRICE_IMPACT_BPS = 1

    shown = await ask(amount="50000", maxPriceImpact="0.5")

    assert shown["route"] is None
    reasons = [quote["lost"]["reason"] for quote in shown["quotes"]]
    assert len(reasons) == 2
    assert all("limit (MAX_PRICE_IMPACT) of 0.01 %" in reason for reason in reasons)


async def test_a_venue_that_cannot_pay_says_why_and_stops_no_other(localnet, settings):
    settings.MAX_PRICE_IMPACT_BPS = 10_000
    shown = await ask(amount="1000000000")

    raydium, meteora = shown["quotes"]
    assert shown["route"] == raydium
    assert (meteora["venue"], meteora["lost"]["code"]) == ("meteora", "no_liquidity")
    assert meteora["lost"]["reason"]
    assert "amountOut" not in meteora
