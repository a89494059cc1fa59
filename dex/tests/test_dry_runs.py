"""Many dry runs share a request, beside their pools as the same node shows them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from solders.hash import Hash
from solders.message import MessageV0

from dex.errors import RpcUnavailable
from dex.solana.addresses import CLOCK_SYSVAR
from dex.solana.dry_runs import DryRuns
from dex.solana.market import Market
from dex.solana.simulation import DryRun

from .builders import key
from .paper_market import PAPER, POOL, VENUES
from .paper_venue import PaperChain
from .rpc_client import client
from .scripted_node import NodeError, ScriptedNode, scripted_node

RUN = DryRun(MessageV0.try_compile(key("wallet"), [], [], Hash.default()), [], 1, {})
WELL = {"context": {"slot": 100}, "value": {"err": None, "unitsConsumed": 9}}


@contextlib.asynccontextmanager
async def running(
    chain: PaperChain, batch_size: int = 25
) -> AsyncIterator[tuple[DryRuns, ScriptedNode, ScriptedNode]]:
    """Dry runs over two nodes, once the first has shown the pool."""
    answers: dict[str, Any] = {
        "getMultipleAccounts": chain.get_multiple_accounts,
        "simulateTransaction": WELL,
    }
    async with (
        scripted_node(**answers) as first,
        scripted_node(**answers) as second,
        client(first.url, second.url, batch_size=batch_size) as rpc,
    ):
        market = Market(rpc, VENUES, slot_time_s=3600)
        await market.snapshot([PAPER])
        dry_runs = DryRuns(rpc, market)
        yield dry_runs, first, second
        await dry_runs.close()
        await market.close()


async def test_those_made_at_once_share_requests_that_begin_with_their_pools(
    chain: PaperChain,
):
    async with running(chain) as (dry_runs, node, _):
        node.bodies.clear()
        asking = [dry_runs.simulate(RUN, PAPER, [key("extra")]) for _ in range(30)]
        simulations = await asyncio.gather(*asking)

    methods = ["getMultipleAccounts", "simulateTransaction"]
    # Beside them the client asks now and then whether it is still the same chain.
    bodies = [body for body in node.bodies if body != ["getGenesisHash"]]
    assert [body[:2] for body in bodies] == [methods, methods]
    assert sorted(map(len, bodies)) == [7, 25]
    for simulation in simulations:
        assert simulation.units_consumed == 9
        assert simulation.seen is not None
        assert {POOL, key("vault"), key("extra"), CLOCK_SYSVAR} <= set(
            simulation.seen.accounts
        )
        assert simulation.seen.clock.unix_timestamp == 1_700_000_100


@pytest.mark.parametrize(
    "accounts",
    [
        None,
        {"context": {"slot": 100}, "value": []},
        {"context": {"slot": 10_000_000}, "value": [None] * 5},
    ],
)
async def test_odd_accounts_are_not_shown_and_cost_nothing_else(
    chain: PaperChain, accounts: Any
):
    async with running(chain) as (dry_runs, node, _):
        node.answers["getMultipleAccounts"] = accounts
        simulation = await dry_runs.simulate(RUN, PAPER, [])

    assert simulation.seen is None
    assert simulation.units_consumed == 9


async def test_one_that_is_left_out_is_simulated_alone_wherever_that_works(
    chain: PaperChain,
):
    calls = 0

    def answer(raw: str, options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise NodeError(-32016)
        return WELL

    async with running(chain) as (dry_runs, first, second):
        first.answers["simulateTransaction"] = answer
        asking = [dry_runs.simulate(RUN, PAPER, []) for _ in range(2)]
        beside, alone = await asyncio.gather(*asking)

    assert beside.seen is not None
    assert alone.seen is None
    assert second.asked("simulateTransaction") == 1


async def test_a_node_that_simulates_none_of_them_is_passed_over(chain: PaperChain):
    unknown = {"context": {"slot": 100}, "value": {"err": "BlockhashNotFound"}}
    async with running(chain) as (dry_runs, first, second):
        first.answers["simulateTransaction"] = unknown
        asking = [dry_runs.simulate(RUN, PAPER, []) for _ in range(2)]
        simulations = await asyncio.gather(*asking)

    assert [simulation.units_consumed for simulation in simulations] == [9, 9]
    assert second.asked("simulateTransaction") == 2
    assert second.bodies[-1][0] == "getMultipleAccounts"


async def test_where_no_node_simulates_everybody_hears_why(chain: PaperChain):
    def refuse(raw: str, options: Any) -> Any:
        raise NodeError(-32005)

    async with running(chain) as (dry_runs, *nodes):
        for node in nodes:
            node.answers["simulateTransaction"] = refuse
        with pytest.raises(RpcUnavailable, match="unhealthy"):
            await dry_runs.simulate(RUN, PAPER, [])


async def test_without_batches_each_is_simulated_alone(chain: PaperChain):
    async with running(chain, batch_size=1) as (dry_runs, node, _):
        read = node.asked("getMultipleAccounts")
        simulation = await dry_runs.simulate(RUN, PAPER, [])

    assert simulation.seen is None
    assert node.asked("getMultipleAccounts") == read
