from __future__ import annotations

import asyncio

from .steps import HAPPY, statuses


async def test_an_order_goes_from_pending_to_confirmed_in_five_events(stage):
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    history = await stage.history(order_id)
    assert statuses(history) == HAPPY
    assert [attempt for _, attempt, _ in history] == [0, 1, 1, 1, 1]
    routing, building, submitted, confirmed = [data for _, _, data in history[1:]]
    assert routing == {"venues": ["meteora", "raydium"]}
    assert {quote["venue"] for quote in building["quotes"]} == {"meteora", "raydium"}
    assert building["route"] == {
        key: value for key, value in building["quotes"][0].items() if key != "lost"
    }
    assert building["quotes"][1]["lost"]["code"] == "lower_output"
    assert confirmed["signature"] == submitted["signature"] == order.signature
    # Nobody else trades here: what was quoted is what was paid, to the base unit.
    assert confirmed["amountOut"] == building["route"]["amountOut"]
    assert confirmed["slippageBps"] == 0
    assert order.amount_out >= order.min_amount_out
    assert order.amount_in_filled == order.amount_in


async def test_the_landed_transaction_names_its_order_and_attempt(stage):
    order_id = await stage.place()

    await stage.carry_out(order_id)

    memo = f"{order_id}:1"
    assert [entry["memo"] for entry in await stage.landed()] == [
        f"[{len(memo)}] {memo}"
    ]


async def test_two_equal_orders_at_once_land_as_two_swaps(stage):
    first, second = await stage.place(), await stage.place()

    await asyncio.gather(stage.carry_out(first), stage.carry_out(second))

    signatures = {(await stage.order(order)).signature for order in (first, second)}
    assert len(signatures) == 2
    assert {entry["signature"] for entry in await stage.landed()} == signatures
