"""Every fault of the chain and its nodes, and the one right outcome under each.

A transaction that every node hides is outside of the promise: nobody is left to show it.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from dex.types import Expired, Landed, LandedWithError

from .settlements import advance, on_chain, settling, signed
from .trader import Trader, trading

# The signer asks the database whether trading is halted; nothing is written.
pytestmark = pytest.mark.django_db

LIFE = 150  # blocks in which a transaction can land


KIND = {Landed: "landed", LandedWithError: "failed", Expired: "absent"}


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "errorAfterLanding"},
        {"kind": "landLate", "delayS": 0.05},
        {"kind": "drop", "perSend": True, "probability": 0.8},
        {"kind": "lag", "node": 0, "slots": 100},
        {"kind": "lag", "node": 1, "slots": 100},
        {"kind": "lag", "slots": 2},
        {"kind": "hide", "node": 0},
        {"kind": "hide", "node": 1},
        {"kind": "unknownBlockhash", "node": 0, "slots": 20},
        {"kind": "slow", "delayS": 0.1},
        {"kind": "garbage", "probability": 0.3},
        {"kind": "garbage", "node": 0},
        {"kind": "halfAnswer", "probability": 0.3},
        {"kind": "reset", "probability": 0.3},
        {"kind": "serverError", "probability": 0.2},
        {"kind": "serverError", "node": 1},
        {"kind": "tooManyRequests", "node": 0},
        {"kind": "silentSocket"},
    ],
    ids=lambda rule: "-".join(str(value) for value in rule.values()),
)
async def test_a_swap_that_lands_under_a_fault_is_landed(
    tmp_path: Path, rule: dict[str, Any]
):
    async with trading(tmp_path, sockets=True) as trader:
        transaction = await signed(trader)
        trader.localnet.network.faults.add({"seed": 1, **rule})

        async with asyncio.timeout(20):
            outcome = await trader.cluster.settle(transaction)

        assert isinstance(outcome, Landed)
        assert on_chain(trader, transaction) == "landed"


async def test_a_landing_in_the_last_valid_block_is_landed(tmp_path: Path):
    async with trading(tmp_path, slot_time_s=3600) as trader:
        transaction = await signed(trader)
        trader.localnet.network.faults.add({"kind": "landLate", "untilLastValid": True})
        async with settling(trader, transaction) as outcome:
            raw = base64.b64encode(transaction.raw).decode()
            options = {"encoding": "base64", "skipPreflight": True}
            await trader.cluster.rpc.call("sendTransaction", [raw, options])
            advance(trader, LIFE - 1)
            assert on_chain(trader, transaction) == "absent"
            advance(trader, 1)
            assert on_chain(trader, transaction) == "landed"
            advance(trader, LIFE)

            assert isinstance(await outcome, Landed)


@pytest.mark.parametrize("node", [0, 1])
async def test_what_one_node_hides_is_landed_long_after_its_blockhash_died(
    trader: Trader, node: int
):
    transaction = await signed(trader)
    await trader.cluster.settle(transaction)
    trader.localnet.network.faults.add({"kind": "hide", "node": node})
    advance(trader, LIFE * 3)

    assert isinstance(await trader.cluster.settle(transaction, resend=False), Landed)


@pytest.mark.parametrize("node", [0, 1])
async def test_what_one_node_hides_and_the_other_does_not_tell_stays_open(
    trader: Trader, node: int
):
    transaction = await signed(trader)
    await trader.cluster.settle(transaction)
    faults = trader.localnet.network.faults
    faults.add({"kind": "hide", "node": node})
    silence = faults.add({"kind": "serverError", "node": 1 - node})
    advance(trader, LIFE * 3)
    async with settling(trader, transaction) as outcome:
        hiding = trader.cluster.rpc.endpoints[node].name
        entry = trader.cluster._tracker._tracked
        while not (entry and hiding in entry[transaction.signature].dead_at):
            await asyncio.sleep(0.001)
        assert not outcome.done()

        faults.clear([silence])
        assert isinstance(await outcome, Landed)


async def test_a_node_that_lags_keeps_what_never_landed_open_until_it_arrives(
    trader: Trader,
):
    transaction = await signed(trader)
    faults = trader.localnet.network.faults
    faults.add({"kind": "drop"})
    lag = faults.add({"kind": "lag", "node": 1, "slots": 150})
    advance(trader, LIFE + 40)
    async with settling(trader, transaction) as outcome:
        ahead = trader.cluster.rpc.endpoints[0].name
        entry = trader.cluster._tracker._tracked
        while not (entry and ahead in entry[transaction.signature].dead_at):
            await asyncio.sleep(0.001)
        assert not outcome.done()

        faults.clear([lag])
        assert isinstance(await outcome, Expired)
    assert on_chain(trader, transaction) == "absent"


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "garbage", "probability": 0.3},
        {"kind": "halfAnswer", "probability": 0.3},
        {"kind": "unknownBlockhash", "slots": 30},
        {"kind": "lag", "slots": 10},
        {"kind": "slow", "delayS": 0.05},
    ],
    ids=lambda rule: rule["kind"],
)
async def test_what_never_landed_is_proved_dead_under_a_fault(
    trader: Trader, rule: dict[str, Any]
):
    transaction = await signed(trader)
    for fault in ({"kind": "drop"}, {"seed": 2, **rule}):
        trader.localnet.network.faults.add(fault)
    advance(trader, LIFE * 3)

    async with asyncio.timeout(20):
        assert isinstance(await trader.cluster.settle(transaction), Expired)
    assert on_chain(trader, transaction) == "absent"


async def test_a_program_error_that_one_node_hides_counts_once_that_node_shows_it_dead(
    trader: Trader,
):
    transaction = await signed(trader)
    faults = trader.localnet.network.faults
    faults.add({"kind": "programError"})
    faults.add({"kind": "hide", "node": 0})
    async with settling(trader, transaction) as settled:
        entry = trader.cluster._tracker._tracked
        while not (entry and entry[transaction.signature].landed):
            await asyncio.sleep(0.001)
        await trader.cluster.rpc.endpoints[0].call("getHealth")
        assert not settled.done()

        advance(trader, LIFE * 3)
        outcome = await settled

    assert isinstance(outcome, LandedWithError)
    assert outcome.error_code == "slippage_exceeded"
    assert outcome.program in ("raydium", "meteora")
    assert outcome.name in ("ExceededSlippage", "ExceededAmountSlippageTolerance")
    assert on_chain(trader, transaction) == "failed"


async def test_a_fork_that_takes_a_swap_back_is_no_landing_until_it_lands_again(
    tmp_path: Path,
):
    async with trading(tmp_path, slot_time_s=3600, slots_to_confirm=2) as trader:
        transaction = await signed(trader)
        async with settling(trader, transaction) as outcome:
            signature, endpoint = transaction.signature, trader.cluster.rpc.endpoints[0]
            tracked = trader.cluster._tracker._tracked
            while not (signature in tracked and tracked[signature].known_by):
                await asyncio.sleep(0.001)
            trader.localnet.network.faults.add(
                {"kind": "fork", "slots": 1, "delayS": 0.05, "count": 1}
            )
            advance(trader, 1)
            assert not outcome.done()
            async with asyncio.timeout(10):
                while not outcome.done():
                    advance(trader, 1)
                    await endpoint.call("getHealth")

            assert isinstance(await outcome, Landed)
        assert on_chain(trader, transaction) == "landed"


async def test_under_all_faults_at_once_each_outcome_is_what_the_ledger_says(
    tmp_path: Path,
):
    async with trading(tmp_path, sockets=True, slots_to_confirm=1) as trader:
        quote, snapshot = await trader.quote("A", "B", 1_000_000)
        transactions = [
            await trader.sign(quote, snapshot, memo=f"{n}:1") for n in range(30)
        ]
        for rule in ALL_AT_ONCE:
            trader.localnet.network.faults.add({"seed": 3, **rule})
        async with asyncio.TaskGroup() as group:
            settled = [
                group.create_task(trader.cluster.settle(transaction))
                for transaction in transactions
            ]
            landed = [on_chain(trader, transaction) for transaction in transactions]
            while landed.count("absent") > len(transactions) / 2:
                await asyncio.sleep(0.01)
                landed = [on_chain(trader, transaction) for transaction in transactions]
            advance(trader, LIFE * 3)

        for transaction, outcome in zip(transactions, settled, strict=True):
            assert KIND[type(outcome.result())] == on_chain(trader, transaction)
        assert {Landed, Expired} <= {type(outcome.result()) for outcome in settled}


ALL_AT_ONCE = [
    {"kind": "drop", "probability": 0.3},
    {"kind": "landLate", "probability": 0.3, "delayS": 0.1},
    {"kind": "errorAfterLanding", "probability": 0.3},
    {"kind": "lag", "node": 0, "probability": 0.5, "slots": 20},
    {"kind": "hide", "node": 1, "probability": 0.3},
    {"kind": "unknownBlockhash", "node": 0, "slots": 10},
    {"kind": "slow", "probability": 0.05, "delayS": 0.05},
    {"kind": "reset", "probability": 0.05},
    {"kind": "serverError", "probability": 0.05},
    {"kind": "halfAnswer", "probability": 0.05},
    {"kind": "garbage", "probability": 0.05},
    {"kind": "programError", "probability": 0.2},
    {"kind": "fork", "probability": 0.2, "slots": 1, "delayS": 0.05},
    {"kind": "silentSocket", "node": 0, "probability": 0.5},
]
