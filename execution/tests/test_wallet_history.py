from __future__ import annotations

from uuid import UUID

from dex.chain import known_chain
from dex.halting import lift_halt, standing_halt
from dex.models import Chain
from execution import wallet_history
from execution.storage import Database
from execution.wallet_history import match_wallet_history
from execution.wallet_signatures import Point
from orders.claims import Claim
from orders.models import Attempt, Order, OrderEvent, Status

from .audited import forget_orders


async def halted_reason(database: Database) -> str:
    chain = await database.run(known_chain)
    assert chain is not None
    return chain.halted_reason


async def test_transactions_of_our_own_attempts_do_not_halt_trading(stage):
    await stage.carry_out(await stage.place())

    await match_wallet_history(stage.rpc, stage.database, stage.wallet.address)

    assert await halted_reason(stage.database) == ""


async def test_a_signature_this_database_does_not_know_halts_trading(stage):
    await stage.carry_out(await stage.place())
    (landed,) = await stage.landed()
    await stage.database.run(forget_orders)

    await match_wallet_history(stage.rpc, stage.database, stage.wallet.address)

    assert landed["signature"] in await halted_reason(stage.database)


async def test_what_landed_before_the_chain_was_met_does_not_halt_trading(stage):
    await stage.carry_out(await stage.place())
    (landed,) = await stage.landed()
    await stage.database.run(forget_orders)
    await stage.database.run(
        lambda: Chain.objects.update(baseline_signature=landed["signature"])
    )

    await match_wallet_history(stage.rpc, stage.database, stage.wallet.address)

    assert await halted_reason(stage.database) == ""


async def test_a_transfer_to_the_wallet_does_not_halt_trading(stage):
    stage.localnet.control("localnet_fund", str(stage.wallet.address))
    await stage.rpc.call("requestAirdrop", [str(stage.wallet.address), 1_000])

    await match_wallet_history(stage.rpc, stage.database, stage.wallet.address)

    assert await halted_reason(stage.database) == ""


async def test_a_stranger_between_our_own_swaps_is_found_while_running(stage):
    """Two databases on one wallet, whose swaps land in turn."""
    await match(stage)
    strangers = []
    for swap in range(6):
        order_id = await stage.place()
        order = await stage.carry_out(order_id)
        assert order.status == Status.CONFIRMED
        if swap % 2 == 0:  # the other database's
            strangers.append(order.signature)
            await stage.database.run(forget_orders, order_id)
    assert await match(stage) == 3

    assert sorted(await found(stage)) == sorted(strangers)
    assert "(and 2 more)" in await halted_reason(stage.database)


async def test_a_stranger_from_before_a_crash_is_found_at_the_next_start(stage):
    await stage.carry_out(await stage.place())
    await finalize(stage)
    await match(stage)
    theirs, ours = await stage.place(), await stage.place()
    stranger = (await stage.carry_out(theirs)).signature
    await stage.carry_out(ours)
    await stage.database.run(forget_orders, theirs)

    await match(stage)

    assert await found(stage) == [stranger]


async def test_the_match_goes_on_behind_what_is_finalized(stage):
    await match(stage)
    await stage.carry_out(await stage.place())

    await match(stage)
    assert await matched(stage) == ""

    await finalize(stage)
    await match(stage)
    (landed,) = await stage.landed()
    assert await matched(stage) == landed["signature"]

    await stage.carry_out(await stage.place())
    await match(stage)
    assert await matched(stage) == landed["signature"]


async def test_a_process_that_is_behind_does_not_take_the_match_back(stage):
    await stage.carry_out(await stage.place())
    await finalize(stage)
    await match(stage)
    newest = await matched(stage)

    await stage.database.run(wallet_history._remember, Point("older", 1))

    assert newest
    assert await matched(stage) == newest


async def test_what_an_operator_accepted_halts_no_more_and_a_new_stranger_does(stage):
    first = await stage.place()
    await stage.carry_out(first)
    await stage.database.run(forget_orders, first)
    assert await match(stage) == 1
    await stage.database.run(lambda: lift_halt(by="ann", reason="it was me"))

    assert await match(stage) == 0
    assert await halted_reason(stage.database) == ""

    second = await stage.place()
    signature = await signed_elsewhere(stage, second)
    assert await match(stage) == 1
    assert await found(stage) == [signature]


async def test_an_order_that_another_copy_carried_out_is_left_to_an_operator(stage):
    order_id = await stage.place()
    held = await stage.claim(order_id)
    await signed_elsewhere(stage, order_id)
    untouched = await stage.place()

    await match(stage)
    await stage.database.run(lambda: lift_halt(by="ann", reason="restored"))
    await stage.engine.carry_out(held)

    order = await stage.order(order_id)
    assert (order.status, order.lease_owner) == (Status.PENDING, "")
    assert order.needs_review_at is not None
    assert order.waiting_code == "needs_review"
    assert "carried out elsewhere" in order.waiting_message
    assert (await stage.order(untouched)).needs_review_at is None


async def match(stage) -> int:
    return await match_wallet_history(stage.rpc, stage.database, stage.wallet.address)


async def matched(stage) -> str:
    chain = await stage.database.run(known_chain)
    assert chain is not None
    signature: str = chain.matched_signature
    return signature


async def found(stage) -> list[str]:
    """Name the signatures that the halt which stands rests on."""
    halt = await stage.database.run(standing_halt)
    return [subject for _, subject, _ in halt.violations]


async def finalize(stage) -> None:
    stage.localnet.control("localnet_advance", {"slots": 40})


async def signed_elsewhere(stage, order_id: UUID) -> str:
    """Carry an order out, and put its row back to how an older copy has it."""
    before = await stage.order(order_id)
    done = await stage.claim(order_id) if not before.lease_owner else None
    claim = done or Claim(order_id, before.fence)
    await stage.engine.carry_out(claim)
    signature: str = (await stage.order(order_id)).signature
    await stage.database.run(turn_back, before)
    return signature


def turn_back(order: Order) -> None:
    Attempt.objects.filter(order=order).delete()
    OrderEvent.objects.filter(order=order, sequence__gt=1).delete()
    order.save()
