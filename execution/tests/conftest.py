"""A stage for the engine: localnet in this process, its tokens in the table, a wallet."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import django_rq
import pytest
from rq import Queue

from dex.allow_list import allow_genesis
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.models import Token
from dex.router import load_venues
from dex.solana.cluster import Cluster
from dex.solana.meeting import meet
from dex.solana.rpc import RpcClient
from dex.solana.wallet import Wallet, create_wallet
from execution.engine import Engine, Intervals
from execution.runner import Runner
from execution.storage import Database
from orders import queue as order_queue
from orders.claims import Claim, claim_order
from orders.models import Order, Status
from orders.owners import local_owner
from orders.placing import place_order
from orders.submissions import OrderRequest

RPC_TIMEOUT_S = 0.4
FAST = Intervals(unavailable_s=0.02, quote_timeout_s=2.0, backoff_scale=0.01)
OWNER = "test-runner"


@dataclass
class Stage:
    """Everything a test of the engine needs, wired as `assembly` wires it."""

    localnet: RunningLocalnet
    rpc: RpcClient
    cluster: Cluster
    wallet: Wallet
    database: Database
    engine: Engine

    async def place(
        self,
        token_in: str = "A",
        token_out: str = "B",
        amount_in: int = 100_000_000,
        slippage_bps: int = 100,
        max_price_impact_bps: int | None = None,
    ) -> UUID:
        """Place an order of `amount_in` base units."""
        return await self.database.run(
            _place, token_in, token_out, amount_in, slippage_bps, max_price_impact_bps
        )

    def set_localnet(self, **options: Any) -> None:
        """Change how localnet behaves, from the next request on."""
        self.localnet.control("localnet_set", options)

    def take_chain_away(self) -> None:
        """Let every node take longer than the client waits."""
        self.set_localnet(delayMs=1_000)

    def bring_chain_back(self) -> None:
        self.set_localnet(delayMs=0)

    def let_blockhash_expire(self) -> None:
        """Move the chain on until everything signed so far is past its last block."""
        self.localnet.control("localnet_advance", {"slots": 400})

    async def claim(self, order_id: UUID) -> Claim:
        claim = await self.database.run(claim_order, order_id, owner=OWNER)
        assert claim is not None
        return claim

    async def carry_out(self, order_id: UUID) -> Order:
        """Claim an order and carry it to its end."""
        await self.engine.carry_out(await self.claim(order_id))
        return await self.order(order_id)

    async def order(self, order_id: UUID) -> Order:
        return await self.database.run(Order.objects.get, id=order_id)

    async def change(self, order_id: UUID, **columns: Any) -> None:
        """Move an order's row as time or an operator would."""
        rows = Order.objects.filter(id=order_id)
        assert await self.database.run(lambda: rows.update(**columns)) == 1

    async def history(self, order_id: UUID) -> list[tuple[Status, int, dict[str, Any]]]:
        def read() -> list[tuple[Status, int, dict[str, Any]]]:
            events = Order.objects.get(id=order_id).events.order_by("sequence")
            return [(Status(e.status), e.attempt, e.data) for e in events]

        return await self.database.run(read)

    async def attempts(self, order_id: UUID) -> list[Any]:
        def read() -> list[Any]:
            return list(Order.objects.get(id=order_id).attempts.order_by("number"))

        return await self.database.run(read)

    async def landed(self) -> list[dict[str, Any]]:
        """List what the wallet's transactions did, oldest first, as the chain tells."""
        listed = await self.rpc.call(
            "getSignaturesForAddress",
            [str(self.wallet.address), {"commitment": "confirmed"}],
        )
        return list(reversed(listed))


def _place(
    symbol_in: str,
    symbol_out: str,
    amount_in: int,
    slippage_bps: int,
    max_price_impact_bps: int | None,
) -> UUID:
    request = OrderRequest(
        order_type="market",
        token_in=Token.objects.get(symbol=symbol_in),
        token_out=Token.objects.get(symbol=symbol_out),
        amount_in=amount_in,
        slippage_bps=slippage_bps,
        max_price_impact_bps=max_price_impact_bps,
    )
    order_id = place_order(request, owner=local_owner()).order_id
    assert order_queue.flush(5)
    return order_id


@pytest.fixture
def queue() -> Iterator[Queue]:
    """The queue of orders, in a Redis that is empty before and after the test."""
    queue = django_rq.get_queue("orders", commit_mode="auto")
    order_queue.flush(5)  # what other tests placed
    queue.connection.flushdb()
    yield queue
    queue.connection.flushdb()


@pytest.fixture
def make_wallet(tmp_path: Path) -> Wallet:
    create_wallet(tmp_path / "wallet.json")
    return Wallet.load(tmp_path / "wallet.json")


@pytest.fixture
async def stage(
    transactional_db: None, make_wallet: Wallet, settings: Any
) -> AsyncIterator[Stage]:
    settings.MAX_SLIPPAGE_BPS = 10_000  # some orders must not mind what a pool does
    wallet = make_wallet
    database = Database()
    async with running_localnet(fund=[wallet.address]) as localnet:
        stranger = RpcClient(
            localnet.urls, timeout_s=RPC_TIMEOUT_S, batch_size=25, expected_genesis=None
        )
        chain = await meet(stranger, str(wallet.address))
        await database.run(allow_genesis, await stranger.call("localnet_genesis", []))
        await stranger.close()
        rpc = RpcClient(
            localnet.urls,
            timeout_s=RPC_TIMEOUT_S,
            batch_size=25,
            expected_genesis=chain.genesis_hash,
        )
        venues = load_venues()
        async with Cluster(
            rpc,
            venues,
            slot_time_s=0.02,
            resend_interval_s=0.05,
            expiry_interval_s=0.02,
        ) as cluster:
            engine = Engine(
                cluster=cluster,
                wallet=wallet,
                venues=venues,
                database=database,
                unit_price=0,
                intervals=FAST,
                rng=random.Random(1),
            )
            engine.may_sign.set()
            yield Stage(localnet, rpc, cluster, wallet, database, engine)
    await database.close()


@pytest.fixture
async def make_runner(
    stage: Stage,
) -> AsyncIterator[Callable[..., Awaitable[Runner]]]:
    runners: list[Runner] = []

    async def make(capacity: int = 200, owner: str = OWNER, **options: float) -> Runner:
        runner = Runner(stage.engine, capacity=capacity, owner=owner, **options)
        runners.append(runner)
        return runner

    yield make
    for runner in runners:
        await runner.stop(drain_s=0)


@pytest.fixture
def make_worker(queue):
    def make(kind):
        return django_rq.get_worker("orders", worker_class=kind, name="tester")

    return make
