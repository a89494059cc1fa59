"""The fault run in short: every fault together, thirty orders at once, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.db import connection
from pytest_django.fixtures import Settings

from dex.allow_list import allow_genesis
from dex.chain import meet_chain
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.models import Token
from dex.solana.wallet import create_wallet
from execution.assembly import open_runner
from execution.audit.landed import read_landed
from execution.runner import Runner
from orders.models import Order, Status
from orders.owners import local_owner
from orders.placing import place_order
from orders.submissions import OrderRequest
from ordersite.chaos.armed import arm
from ordersite.chaos.conduct import conduct
from ordersite.chaos.faults import ALL, schedule
from ordersite.chaos.load import Load, Place
from ordersite.chaos.points import ENGINE_POINTS
from ordersite.chaos.verdict import judge
from ordersite.wishes import Wish

P = ParamSpec("P")
T = TypeVar("T")

SEED = 3
SLOT_TIME_S = 0.02  # what is lost is proved dead within four seconds
IN_FLIGHT = 30
PHASE_S, QUIET_S = 1.5, 25.0


async def test_no_order_is_lost_or_doubled_under_all_faults_together(
    transactional_db: None, settings: Settings, tmp_path: Path
):
    settings.WALLET_KEYPAIR = tmp_path / "wallet.json"
    settings.SLOT_TIME_S = SLOT_TIME_S
    settings.RPC_TIMEOUT_S = 2.0
    wallet = create_wallet(settings.WALLET_KEYPAIR).address
    async with running_localnet(
        slot_time_s=SLOT_TIME_S, slots_to_confirm=1, fund=[wallet], seed=SEED
    ) as localnet:
        settings.SOLANA_RPC_URLS = localnet.urls
        genesis = localnet.control("localnet_genesis")
        await in_thread(lambda: make_ready(localnet, str(wallet), genesis))
        passed: set[str] = set()
        disarm = arm(passed.add)
        try:
            async with open_runner("worker") as runner:
                load = Load(placing(runner), in_flight=IN_FLIGHT, seed=SEED)
                control = control_of(localnet)
                took_s = await in_thread(lambda: run(load, control))
        finally:
            disarm()
        landed = list(read_landed(localnet.ledger.store.history, wallet))

    violations, confirmed = await in_thread(lambda: (judge(landed), count_confirmed()))
    assert violations == []
    assert took_s is not None
    assert confirmed >= IN_FLIGHT
    # Where the run with real processes kills them is where orders come by.
    assert passed >= set(ENGINE_POINTS)


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work beside the loop, with a database connection that is closed."""

    def do() -> T:
        try:
            return work()
        finally:
            connection.close()

    return await asyncio.to_thread(do)


def make_ready(localnet: RunningLocalnet, wallet: str, genesis: dict[str, Any]) -> None:
    meet_chain(
        genesis_hash=str(localnet.ledger.genesis_hash),
        is_localnet=True,
        wallet=wallet,
        newest_signature="",
    )
    allow_genesis(genesis)


def run(load: Load, control: Callable[..., Any]) -> float | None:
    phases = schedule([ALL], seconds=PHASE_S, seed=SEED, control=control)
    return conduct(
        phases, load, quiet_s=QUIET_S, watch=lambda: None, say=lambda line: None
    )


def on_loop(
    loop: asyncio.AbstractEventLoop, do: Callable[P, Awaitable[T]]
) -> Callable[P, T]:
    """Return `do` for another thread, done on the loop."""

    async def doing(*args: P.args, **kwargs: P.kwargs) -> T:
        return await do(*args, **kwargs)

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run_coroutine_threadsafe(doing(*args, **kwargs), loop).result(20)

    return call


def control_of(localnet: RunningLocalnet) -> Callable[..., Any]:
    async def control(method: str, *params: Any) -> Any:
        return localnet.control(method, *params)

    return on_loop(asyncio.get_running_loop(), control)


def placing(runner: Runner) -> Place:
    """Place orders in the table and hand them to the runner, as a job does."""
    take = on_loop(asyncio.get_running_loop(), runner.take)

    def place(wish: Wish) -> UUID:
        request = OrderRequest(
            order_type="market",
            token_in=Token.objects.get(mint=wish.mint_in),
            token_out=Token.objects.get(mint=wish.mint_out),
            amount_in=wish.amount_in,
            slippage_bps=wish.slippage_bps,
        )
        order_id = place_order(request, owner=local_owner()).order_id
        take(order_id)
        return order_id

    return lambda wishes: [place(wish) for wish in wishes]


def count_confirmed() -> int:
    return Order.objects.filter(status=Status.CONFIRMED).count()
