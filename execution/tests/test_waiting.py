"""An order that does not move says why, once, and goes on when the reason is gone."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from django.db.models.functions import Now

from dex.halting import halt_trading, lift_halt
from execution.keeper import keeper_round
from execution.storage import Database
from orders.models import Status

from .steps import HAPPY, statuses, until, until_step
from .waits import carrying, name_of, silence, waits, waits_for_silent


class Recorded(Database):
    """A database that keeps the names of what it was asked to do."""

    def __init__(self):
        super().__init__()
        self.calls: Counter[str] = Counter()

    async def run(self, call, *args, **kwargs):
        self.calls[getattr(call, "__name__", "")] += 1
        return await super().run(call, *args, **kwargs)


@pytest.fixture
async def recorded(stage):
    database = Recorded()
    stage.engine.database = stage.engine.batches.database = database
    yield database
    await database.close()


@pytest.mark.parametrize("status", HAPPY[1:3])
async def test_an_order_that_waits_for_the_chain_says_which_endpoints_are_away(
    stage, status
):
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, status)
    stage.take_chain_away()

    async with carrying(stage, claim):
        await until(stage, order_id, waits("chain_unreachable"))
        order = await stage.order(order_id)
        stage.bring_chain_back()

    assert all(name_of(stage, node) in order.waiting_message for node in (0, 1))
    order = await stage.order(order_id)
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert order.waiting_since is None
    told = [data.get("waitedFor") for _, _, data in await stage.history(order_id)]
    assert [w["code"] for w in told if w] == ["chain_unreachable"]


async def test_a_reason_is_written_once_while_it_stays(stage, recorded):
    stage.take_chain_away()
    order_id = await stage.place()

    async with carrying(stage, await stage.claim(order_id)):
        await until(stage, order_id, waits("chain_unreachable"))
        tries = recorded.calls["read_all_held"] + 10
        while recorded.calls["read_all_held"] < tries:
            await asyncio.sleep(0.005)
        stage.bring_chain_back()

    assert recorded.calls["note_waiting"] == 1
    assert recorded.calls["clear_waiting"] == 0


async def test_an_order_waits_for_an_operator_to_lift_the_halt(stage, caplog):
    order_id = await stage.place()
    await stage.database.run(halt_trading, "order 4711 of another owner lost 5 B")

    async with carrying(stage, await stage.claim(order_id)):
        await until(stage, order_id, waits("trading_halted"))
        order = await stage.order(order_id)
        await stage.database.run(lift_halt, by="operator", reason="looked at")

    assert order.waiting_message == "Trading is halted until an operator lifts it."
    assert f"order {order_id} waits: Trading is halted: order 4711" in caplog.text
    assert (await stage.order(order_id)).status == Status.CONFIRMED
    assert "4711" not in str(await stage.history(order_id))


async def test_an_order_that_expires_under_a_halt_tells_nothing_of_other_orders(stage):
    order_id = await stage.place()
    await stage.database.run(halt_trading, "order 4711 of another owner lost 5 B")

    async with carrying(stage, await stage.claim(order_id)):
        await until(stage, order_id, waits("trading_halted"))
        await stage.change(order_id, deadline=Now())

    order = await stage.order(order_id)
    assert order.status == Status.EXPIRED
    assert "Trading is halted until an operator lifts it." in order.failure_message
    assert "4711" not in str(await stage.history(order_id)) + order.failure_message


async def test_an_order_waits_until_the_wallets_history_is_matched(stage):
    stage.engine.may_sign.clear()
    order_id = await stage.place()

    async with carrying(stage, await stage.claim(order_id)):
        await until(stage, order_id, waits("wallet_unmatched"))
        stage.engine.may_sign.set()

    history = await stage.history(order_id)
    assert statuses(history) == HAPPY
    assert history[3][2]["waitedFor"]["code"] == "wallet_unmatched"


async def test_a_submitted_order_says_that_the_chain_is_away(stage):
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)
    stage.take_chain_away()

    async with carrying(stage, claim):
        await until(stage, order_id, waits("chain_unreachable"))
        stage.bring_chain_back()

    history = await stage.history(order_id)
    assert statuses(history) == HAPPY
    assert history[4][2]["waitedFor"]["code"] == "chain_unreachable"


async def test_a_reason_that_is_over_is_taken_back_while_the_order_stays(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)
    stage.take_chain_away()

    async with carrying(stage, claim):
        await until(stage, order_id, waits("chain_unreachable"))
        stage.bring_chain_back()
        await until(stage, order_id, waits(""))
        order = await stage.order(order_id)
        stage.set_localnet(dropRate=0)

    assert (order.status, order.waiting_since) == (Status.SUBMITTED, None)


async def test_an_expiry_that_one_endpoint_alone_shows_names_the_missing_one(stage):
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)
    speak = silence(stage, 1)
    stage.let_blockhash_expire()

    async with carrying(stage, claim):
        await until(stage, order_id, waits_for_silent("expiry_unproved"))
        order = await stage.order(order_id)
        stage.set_localnet(dropRate=0)
        speak()

    shown, missing = name_of(stage, 0), name_of(stage, 1)
    assert order.waiting_message.startswith(f"{shown} shows that")
    assert f"({missing}: does not answer)" in order.waiting_message
    history = await stage.history(order_id)
    assert statuses(history) == [*HAPPY[:4], *HAPPY[1:]]
    assert history[4][2]["waitedFor"]["code"] == "expiry_unproved"


async def test_a_failure_that_one_endpoint_alone_shows_names_the_missing_one(stage):
    faults = stage.localnet.network.faults
    faults.add({"kind": "programError"})
    order_id = await stage.place()
    claim = await stage.claim(order_id)
    await until_step(stage, claim, Status.SUBMITTED)
    silence(stage, 1)

    async with carrying(stage, claim):
        await until(stage, order_id, waits_for_silent("failure_unproved"))
        order = await stage.order(order_id)
        faults.clear()

    assert f"({name_of(stage, 1)}: does not answer)" in order.waiting_message
    history = await stage.history(order_id)
    assert statuses(history)[3:5] == ["submitted", "routing"]
    assert history[4][2]["waitedFor"]["code"] == "failure_unproved"


async def test_an_endpoint_that_is_away_keeps_no_order_waiting(stage):
    silence(stage, 1)
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    history = await stage.history(order_id)
    assert order.status == Status.CONFIRMED
    assert statuses(history) == HAPPY
    assert not any("waitedFor" in data for _, _, data in history)


async def test_a_holder_whose_claim_is_taken_stops_instead_of_saying_why(stage):
    stage.take_chain_away()
    order_id = await stage.place()
    claim = await stage.claim(order_id)

    async with carrying(stage, claim):
        await until(stage, order_id, waits("chain_unreachable"))
        await stage.change(order_id, fence=claim.fence + 1)

    assert (await stage.order(order_id)).status == Status.ROUTING


async def test_an_order_in_review_keeps_saying_so_while_it_is_watched(
    stage, make_runner
):
    order_id = await stage.place()
    await until_step(stage, await stage.claim(order_id), Status.SUBMITTED)
    stage.take_chain_away()
    await stage.change(order_id, idle_claims=20, lease_until=None, lease_owner="")
    runner = await make_runner()
    await keeper_round(runner)  # marks it
    await keeper_round(runner)  # watches it
    carried = stage.rpc.endpoints
    async with asyncio.timeout(10):
        while not all(e.health.circuit == "open" for e in carried):
            await asyncio.sleep(0.01)
    order = await stage.order(order_id)

    assert (order.waiting_code, order.lease_owner) == ("needs_review", runner.owner)
