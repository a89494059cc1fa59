"""What decides a route: price impact, the network's costs, and refusals on record."""

from __future__ import annotations

from dataclasses import replace

from solders.pubkey import Pubkey

from dex.costs import UNIT_MARGIN_PERCENT
from dex.models import Token
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from execution.carrier import Carrier
from execution.engine import Engine
from orders.models import Status

from .conftest import FAST
from .steps import HAPPY, statuses, step_until

# Moves Raydium's pool of this pair by about 9 % and stays within one bin of Meteora's.
LARGE = {"token_in": "RAY", "token_out": "SOL", "amount_in": 100_000 * 10**6}


async def test_a_quote_above_the_orders_limit_loses_with_both_figures_on_record(stage):
    order_id = await stage.place(**LARGE, max_price_impact_bps=500)

    order = await stage.carry_out(order_id)

    assert (order.status, order.venue) == (Status.CONFIRMED, "meteora")
    taken, refused = (await stage.history(order_id))[2][2]["quotes"]
    assert taken["priceImpactBps"] <= 500 < refused["priceImpactBps"]
    impact = f"{refused['priceImpactBps'] / 100:g} %"
    assert refused["lost"] == {
        "code": "price_impact_too_high",
        "reason": f"The price impact is {impact}, above the order's limit "
        "(maxPriceImpact) of 5 %. Use a smaller amount.",
    }


async def test_an_order_that_moves_every_price_too_far_fails_at_once(stage, settings):
    settings.MAX_PRICE_IMPACT_BPS = 10
    order_id = await stage.place("RAY", "SOL", 10**12, max_price_impact_bps=500)

    order = await stage.carry_out(order_id)

    assert (order.status, order.attempt) == (Status.FAILED, 1)
    assert (order.failure_code, order.funds_moved) == ("price_impact_too_high", "none")
    for venue in ("raydium", "meteora"):
        assert f"{venue}: The price impact is " in order.failure_message
    assert "this installation's limit (MAX_PRICE_IMPACT) of 0.1 %" in (
        order.failure_message
    )
    failed = (await stage.history(order_id))[-1][2]
    assert [quote["lost"]["code"] for quote in failed["quotes"]] == [
        "price_impact_too_high"
    ] * 2
    assert all(quote["amountOut"] for quote in failed["quotes"])


async def test_a_pool_that_shrank_after_its_route_is_held_to_the_limit_too(stage):
    order_id = await stage.place(
        "A", "B", 10_000 * 10**9, slippage_bps=5_000, max_price_impact_bps=300
    )
    carrier = Carrier(stage.engine, await stage.claim(order_id))
    await step_until(stage, carrier, Status.BUILDING)
    assert carrier.plan is not None
    quote = carrier.plan.quote
    assert quote.venue == "raydium"
    for vault in (quote.vault_in, quote.vault_out):
        take(stage.localnet.ledger, vault, keeps=50)

    await step_until(stage, carrier, Status.CONFIRMED)

    history = await stage.history(order_id)
    assert statuses(history) == [*HAPPY[:3], *HAPPY[1:]]
    error = history[3][2]["error"]
    assert error["code"] == "price_impact_too_high"
    assert "of 3 %" in error["message"]
    assert (await stage.order(order_id)).venue == "meteora"


async def test_every_attempt_that_found_no_route_leaves_its_quotes_on_record(stage):
    stage.set_localnet(pausedVenues=["raydium", "meteora"])
    order_id = await stage.place()

    await stage.carry_out(order_id)

    history = await stage.history(order_id)
    assert statuses(history) == ["pending", "routing", "routing", "routing", "failed"]
    for _, _, data in history[2:]:
        said = {quote["venue"]: quote["lost"]["code"] for quote in data["quotes"]}
        assert said == {"raydium": "pool_disabled", "meteora": "pool_disabled"}


async def test_the_costs_on_record_are_those_that_were_paid(stage):
    token = await stage.database.run(Token.objects.get, symbol="B")
    mint = Pubkey.from_string(token.mint)
    account = associated_token_address(stage.wallet.address, mint)
    stage.localnet.ledger.put([(account, None)])
    stage.localnet.ledger.commit()
    engine = Engine(
        cluster=stage.cluster,
        wallet=stage.wallet,
        venues=stage.engine.venues,
        database=stage.database,
        unit_price=1_000_000,
        intervals=FAST,
    )
    engine.may_sign.set()
    told, paid = [], []
    for _ in range(2):
        order_id = await stage.place()
        await engine.carry_out(await stage.claim(order_id))
        history = await stage.history(order_id)
        assert statuses(history) == HAPPY
        told.append(history[2][2]["route"])
        paid.append(int(history[-1][2]["fees"]["networkLamports"]))

    created, existing = told
    assert (created["rentLamports"], existing["rentLamports"]) == ("2039280", "0")
    # Nothing prices SOL in B.
    assert created["netAmountOut"] is None
    # Finding the new account's address takes longer for some wallets: 1,500 units a hash.
    seeds = [bytes(stage.wallet.address), bytes(TOKEN_PROGRAM), bytes(mint)]
    bump = Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM)[1]
    searched = 1_500 * (255 - bump) * UNIT_MARGIN_PERCENT // 100
    for route, fee, more in zip(told, paid, (searched, 0), strict=True):
        assert abs(int(route["networkFeeLamports"]) + more - fee) < fee // 10


async def test_the_net_output_is_what_is_left_at_the_price_of_sol(stage):
    order_id = await stage.place("RAY", "USDC", 10**6)

    await stage.carry_out(order_id)

    route = (await stage.history(order_id))[2][2]["route"]
    # 5,000 lamports at 150 to 153 USDC are 750 to 765 units, with the pool's fee less.
    costs = (float(route["amountOut"]) - float(route["netAmountOut"])) * 10**6
    assert route["networkFeeLamports"] == "5000"
    assert 745 < costs < 766


def take(ledger, vault: Pubkey, *, keeps: int) -> None:
    """Leave one part in `keeps` of what a vault holds."""
    account = ledger.account(vault)
    data = bytearray(account.data)
    held = int.from_bytes(data[64:72], "little")
    data[64:72] = (held // keeps).to_bytes(8, "little")
    ledger.put([(vault, replace(account, data=bytes(data)))])
    ledger.commit()
