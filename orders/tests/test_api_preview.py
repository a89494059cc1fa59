"""POST /api/orders/preview against the pools of a localnet: what an order would do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dex import desk
from dex.localnet.testing import RunningLocalnet
from dex.models import Chain, Pool
from orders.models import Order, OrderEvent
from orders.threads import in_thread

from .helpers import make_address
from .previews import ask, codes

pytestmark = pytest.mark.django_db(transaction=True)


async def use_new_wallet(localnet: RunningLocalnet) -> None:
    """Trade with a wallet that has SOL for the fees, and no account for any token."""
    wallet = make_address()
    localnet.control("requestAirdrop", wallet, 10**9)
    localnet.control("localnet_advance", {"slots": 2})
    await in_thread(lambda: Chain.objects.update(wallet=wallet))


def before_simulating(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Have `act` done on the chain's own loop between the quotes and the simulation."""
    chain = asyncio.get_running_loop()
    rehearser = desk._desk._open().rehearser
    simulate = rehearser._simulate

    async def simulate_after(*arguments: Any) -> Any:
        async def on_chain() -> None:
            act()

        acting = asyncio.run_coroutine_threadsafe(on_chain(), chain)
        await asyncio.wrap_future(acting)
        return await simulate(*arguments)

    monkeypatch.setattr(rehearser, "_simulate", simulate_after)


def trade_in_every_pool(localnet: RunningLocalnet) -> None:
    network = localnet.network
    network.fund(network.market.wallet.pubkey())
    for _ in range(40):
        network.market.trade()
    localnet.control("localnet_advance", {"slots": 2})


def assert_known_by_quotes_alone(shown: Any) -> None:
    assert (shown["outcome"], codes(shown)) == ("unknown", ["simulation_unavailable"])
    assert shown["simulation"]["status"] == "unavailable"
    assert shown["expectedAmountOut"] == shown["route"]["amountOut"]
    assert shown["summary"].endswith("the swap could not be tried out.")


async def test_an_order_is_tried_out_and_told_in_plain_words(localnet):
    shown = await ask()

    expected = shown["route"]["amountOut"]
    assert (shown["outcome"], shown["failure"]) == ("swap", None)
    assert (shown["placedAs"], shown["placedStatus"]) == (None, None)
    assert shown["route"] == shown["quotes"][0]
    assert {quote["venue"] for quote in shown["quotes"]} == {"raydium", "meteora"}
    assert shown["expectedAmountOut"] == expected
    assert shown["simulation"]["status"] == "succeeded"
    assert shown["simulation"]["amountOut"] == expected
    assert shown["simulation"]["unitsConsumed"] > 0
    assert shown["simulation"]["error"] is None
    assert shown["fees"] == {
        "networkFeeLamports": "5000",
        "priorityFeeLamports": "0",
        "rentLamports": "0",
    }
    assert shown["warnings"] == []
    venue = shown["route"]["venue"].title()
    assert shown["summary"] == (
        f"Swaps 1 SOL for about {expected} USDC on {venue}, and for "
        f"{shown['minAmountOut']} USDC at least or not at all. The network takes 0.000005 "
        "SOL."
    )


async def test_the_least_output_is_the_quote_less_the_slippage(localnet):
    shown = await ask(slippage="0.05")

    quoted = int(float(shown["route"]["amountOut"]) * 10**6 + 0.5)
    assert float(shown["minAmountOut"]) == quoted * 9_500 // 10_000 / 10**6
    assert codes(shown) == ["slippage_large"]


async def test_a_preview_stores_signs_and_sends_nothing(localnet):
    before = localnet.control("getTransactionCount")

    await ask(clientOrderId="mine")

    counts = await in_thread(
        lambda: (Order.objects.count(), OrderEvent.objects.count())
    )
    assert counts == (0, 0)
    assert localnet.control("getTransactionCount") == before


async def test_a_priority_fee_is_of_the_units_that_the_simulation_used(
    localnet, settings
):
    settings.COMPUTE_UNIT_PRICE = 1_000_000  # a lamport a unit

    shown = await ask()

    units = shown["simulation"]["unitsConsumed"]
    priority = int(shown["fees"]["priorityFeeLamports"])
    assert priority == units * 120 // 100
    assert int(shown["fees"]["networkFeeLamports"]) == 5_000 + priority


async def test_a_price_impact_is_warned_of_and_one_above_the_limit_would_fail(localnet):
    assert codes(await ask(amountIn="20000")) == ["price_impact_high"]

    shown = await ask(amountIn="20000", maxPriceImpact="0.01")

    assert (shown["outcome"], shown["route"], shown["simulation"]) == (
        "fail",
        None,
        None,
    )
    assert shown["failure"]["code"] == "price_impact_too_high"
    assert {quote["lost"]["code"] for quote in shown["quotes"]} == {
        "price_impact_too_high"
    }


async def test_without_pools_the_order_would_fail(localnet):
    await in_thread(lambda: Pool.objects.update(enabled=False))

    shown = await ask()

    assert (shown["outcome"], shown["failure"]["code"]) == ("fail", "no_route")
    assert shown["summary"].startswith("As things stand the order would fail: ")


async def test_a_wallet_that_cannot_pay_is_told_what_would_fail(localnet):
    await use_new_wallet(localnet)

    shown = await ask()

    assert shown["outcome"] == "fail"
    assert shown["simulation"]["status"] == "failed"
    assert shown["simulation"]["error"] == shown["failure"]
    assert shown["failure"]["code"] == "account_missing"
    assert shown["failure"]["message"] in shown["summary"]
    assert shown["expectedAmountOut"] is None


async def test_the_rent_of_a_new_account_is_told(localnet):
    await use_new_wallet(localnet)

    shown = await ask()

    assert shown["fees"]["rentLamports"] == "2039280"
    (warning,) = shown["warnings"]
    assert warning["code"] == "rent"
    assert "locks 0.00203928 SOL" in warning["message"]


async def test_a_pool_that_moved_is_told_with_what_is_paid_now(localnet, monkeypatch):
    raydium = {"tokenIn": "A", "tokenOut": "B"}  # every swap moves its price
    quoted = (await ask(**raydium))["route"]["amountOut"]
    before_simulating(monkeypatch, partial(trade_in_every_pool, localnet))

    shown = await ask(**raydium)

    assert shown["route"]["venue"] == "raydium"
    assert (shown["outcome"], codes(shown)) == ("swap", ["pool_moved"])
    assert shown["route"]["amountOut"] == quoted
    assert shown["expectedAmountOut"] == shown["simulation"]["amountOut"] != quoted


async def test_a_chain_that_falls_silent_after_the_quotes_leaves_them(
    localnet, monkeypatch
):
    fault = {"kind": "serverError"}
    before_simulating(monkeypatch, lambda: localnet.control("localnet_fault", fault))

    assert_known_by_quotes_alone(await ask())


async def test_a_wallet_that_is_not_known_yet_leaves_the_quotes(localnet):
    await in_thread(lambda: Chain.objects.all().delete())

    assert_known_by_quotes_alone(await ask())
