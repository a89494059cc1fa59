from __future__ import annotations

from dex.chain import known_chain
from dex.models import Chain
from execution.storage import Database
from execution.wallet_history import match_wallet_history
from orders.models import Attempt, Order, OrderEvent


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


def forget_orders() -> None:
    """Leave the database as an older copy of itself would be."""
    for model in (Attempt, OrderEvent, Order):
        model.objects.all().delete()
