"""A process that starts on an old copy of its database, or beside another database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from dex.chain import known_chain
from execution.assembly import open_runner
from orders.models import Attempt, Order, OrderEvent, Status

from .steps import until


@pytest.fixture
def configured(stage, tmp_path, settings):
    """The settings of a process that works on this stage."""
    settings.SOLANA_RPC_URLS = stage.localnet.urls
    settings.WALLET_KEYPAIR = tmp_path / "wallet.json"
    return settings


def roll_back_to_routing(order_id):
    """Leave the order as a backup from before its signature has it."""
    Attempt.objects.filter(order_id=order_id).delete()
    OrderEvent.objects.filter(order_id=order_id, sequence__gt=2).delete()
    Order.objects.filter(id=order_id).update(
        status=Status.ROUTING,
        last_sequence=2,
        attempt=1,
        fence=1,
        min_amount_out=None,
        closed_at=None,
        venue="",
        amount_in_filled=None,
        amount_out=None,
        signature="",
        slot=None,
    )


async def let_deadline_pass(stage, order_id):
    """So that nobody has to wait for an order that waits for an operator."""
    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))
    await until(stage, order_id, lambda order: order.is_closed)


async def halt_of(stage):
    chain = await stage.database.run(known_chain)
    return chain.halted_reason


async def test_a_restored_backup_halts_before_it_swaps_again(stage, configured):
    order_id = await stage.place()
    await stage.carry_out(order_id)
    (landed,) = await stage.landed()
    await stage.database.run(roll_back_to_routing, order_id)

    async with open_runner("test") as runner:
        await runner.take(order_id)
        # It was carried out before the backup was restored: an operator must look.
        await until(stage, order_id, lambda order: order.waiting_code == "needs_review")

    assert landed["signature"] in await halt_of(stage)
    assert [entry["signature"] for entry in await stage.landed()] == [
        landed["signature"]
    ]
    assert not await stage.database.run(Attempt.objects.exists)


async def test_two_databases_on_one_wallet_halt_the_one_that_starts(stage, configured):
    ours, theirs = await stage.place(), await stage.place()
    await stage.carry_out(ours)
    await stage.carry_out(theirs)
    # What the other database knows, this one never did.
    await stage.database.run(forget, theirs)
    waiting = await stage.place()

    async with open_runner("test") as runner:
        await runner.take(waiting)
        await until(
            stage, waiting, lambda order: order.waiting_code == "trading_halted"
        )
        await let_deadline_pass(stage, waiting)

    assert f"memo “[38] {theirs}:1”" in await halt_of(stage)
    assert len(await stage.landed()) == 2


def forget(order_id):
    for model in (Attempt, OrderEvent):
        model.objects.filter(order_id=order_id).delete()
    Order.objects.filter(id=order_id).delete()


async def test_nothing_is_signed_while_the_wallets_history_cannot_be_read(
    stage, configured
):
    order_id = await stage.place()
    await stage.carry_out(order_id)
    await stage.database.run(roll_back_to_routing, order_id)
    configured.RPC_TIMEOUT_S = 0.4
    stage.take_chain_away()

    async with open_runner("test") as runner:
        await runner.take(order_id)
        await until(
            stage, order_id, lambda order: order.waiting_code == "chain_unreachable"
        )
        assert not await stage.database.run(Attempt.objects.exists)
        stage.bring_chain_back()
        await until(stage, order_id, lambda order: order.waiting_code == "needs_review")

    assert len(await stage.landed()) == 1
