"""What is signed is made from a young snapshot and carries a young blockhash."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dex.errors import RpcUnavailable
from execution import build
from execution.carrier import Carrier
from orders.models import Status

from .steps import HAPPY, statuses, step_until


async def building(stage, **order):
    """Carry an order until its route is chosen, and no further."""
    order_id = await stage.place(slippage_bps=9_000, **order)
    carrier = Carrier(stage.engine, await stage.claim(order_id))
    await step_until(stage, carrier, Status.BUILDING)
    return order_id, carrier


async def test_a_snapshot_that_grew_old_is_read_and_quoted_again(stage):
    order_id, carrier = await building(stage)
    plan = carrier.plan
    assert plan is not None
    aged = replace(plan.snapshot, read_at=plan.snapshot.read_at - 60)

    renewed, _ = await stage.engine.builder.build(
        replace(plan, snapshot=aged), f"{order_id}:1"
    )

    age_s = asyncio.get_running_loop().time() - renewed.snapshot.read_at
    assert age_s < build.MAX_SNAPSHOT_AGE_S
    assert renewed.snapshot.slot >= plan.snapshot.slot


async def test_a_blockhash_that_grew_old_while_signing_is_not_used(
    stage, monkeypatch: pytest.MonkeyPatch
):
    order_id, carrier = await building(stage)
    assert carrier.plan is not None
    monkeypatch.setattr(build, "MAX_BLOCKHASH_AGE_S", -1.0)

    with pytest.raises(RpcUnavailable, match="grew old"):
        await stage.engine.builder.build(carrier.plan, f"{order_id}:1")
    monkeypatch.undo()
    assert await stage.attempts(order_id) == []

    # Nothing came of it, so the order goes on.
    await stage.engine.carry_out(carrier.claim)
    assert (await stage.order(order_id)).status == Status.CONFIRMED
    assert statuses(await stage.history(order_id))[-1] == HAPPY[-1]


@pytest.mark.parametrize("node", [0, 1])
async def test_a_node_that_does_not_know_the_blockhash_yet_stops_nothing(stage, node):
    stage.localnet.network.faults.add(
        {"kind": "unknownBlockhash", "node": node, "slots": 20}
    )

    order = await stage.carry_out(await stage.place())

    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)


async def test_a_node_that_lags_neither_simulates_nor_signs_for_the_other(stage):
    await stage.cluster.rpc.read_slots()
    stage.localnet.network.faults.add({"kind": "lag", "node": 0, "slots": 60})
    order_id = await stage.place()

    order = await stage.carry_out(order_id)

    assert order.status == Status.CONFIRMED
    (attempt,) = await stage.attempts(order_id)
    height = stage.localnet.control(
        "getBlockHeight", {"commitment": "confirmed"}, node=1
    )
    assert height + 150 - attempt.last_valid_block_height < 60
