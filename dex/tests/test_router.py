from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.errors import NoRoute, RpcUnavailable
from dex.quoting import Swap, Wanted
from dex.ranking import ImpactLimit
from dex.router import (
    find_route,
)
from dex.solana.market import Market, PoolKey
from dex.solana.rpc import RpcClient
from dex.types import Route, Snapshot
from dex.venues.base import Venue

from .builders import key
from .paper_venue import MINT_IN, MINT_OUT, PaperChain, PaperVenue, page
from .scripted_node import scripted_node

VENUES = {name: PaperVenue(name) for name in ("first", "second")}


@contextlib.asynccontextmanager
async def market_of(chain: PaperChain, **answers: Any) -> AsyncIterator[Market]:
    answers = {"getMultipleAccounts": chain.get_multiple_accounts} | answers
    async with scripted_node(**answers) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=25, expected_genesis=None)
        market = Market(rpc, VENUES, slot_time_s=3600)
        try:
            yield market
        finally:
            await market.close()
            await rpc.close()


async def route(
    market: Market,
    pools: list[PoolKey],
    *,
    venues: Mapping[str, Venue] = VENUES,
    timeout_s: float = 5.0,
    mint_out: Pubkey = MINT_OUT,
    **how: Any,
) -> tuple[Route, Snapshot]:
    swap = Swap(MINT_IN, mint_out, 1_000)
    wanted = Wanted(swap, pools, ImpactLimit(10_000, "no limit"), **how)
    return await find_route(wanted, market=market, venues=venues, timeout_s=timeout_s)


def said(answers: Any) -> list[tuple[str, str]]:
    return [(answer.venue, answer.code) for answer in answers]


@pytest.fixture
def chain() -> PaperChain:
    made = PaperChain()
    made.accounts = {
        key("poor"): page(90),
        key("rich"): page(100),
        key("also rich"): page(100),
        key("empty"): page(0),
    }
    return made


async def test_the_quote_that_pays_most_wins_and_the_others_say_why_not(
    chain: PaperChain,
):
    pools = [
        ("first", key("poor")),
        ("second", key("rich")),
        ("first", key("empty")),
        ("second", key("missing")),
    ]
    async with market_of(chain) as market:
        found, snapshot = await route(market, pools)

    assert (found.best.venue, found.best.amount_out) == ("second", 100)
    assert found.best.slot == snapshot.slot == 100
    assert [(answer.venue, answer.code, answer.reason) for answer in found.answers] == [
        ("second", "", ""),
        ("first", "lower_output", "Pays 10.00 % less than second."),
        ("first", "no_liquidity", "The pool is empty."),
        ("second", "pool_unreadable", f"Pool {key('missing')} does not exist."),
    ]
    assert found.answers[0].quote == found.best
    assert found.answers[1].quote is not None


async def test_equal_quotes_are_ordered_the_same_way_every_time(chain: PaperChain):
    pools = [("second", key("rich")), ("first", key("also rich"))]
    async with market_of(chain) as market:
        for order in (pools, pools[::-1]):
            found, _ = await route(market, order)

            assert said(found.answers) == [("first", ""), ("second", "equal_output")]


async def test_a_venue_without_a_pool_is_recorded(chain: PaperChain):
    async with market_of(chain) as market:
        found, _ = await route(market, [("first", key("poor"))])

    assert said(found.answers) == [("first", ""), ("second", "no_pool")]


async def test_when_no_venue_quotes_every_refusal_is_told(chain: PaperChain):
    pools = [("first", key("empty")), ("second", key("missing"))]
    async with market_of(chain) as market:
        with pytest.raises(NoRoute) as caught:
            await route(market, pools)

    assert said(caught.value.answers) == [
        ("first", "no_liquidity"),
        ("second", "pool_unreadable"),
    ]
    assert "first: The pool is empty." in str(caught.value)


async def test_without_any_pool_there_is_no_route(chain: PaperChain):
    async with market_of(chain) as market:
        with pytest.raises(NoRoute) as caught:
            await route(market, [])

    assert said(caught.value.answers) == [("first", "no_pool"), ("second", "no_pool")]


async def test_a_venue_that_breaks_does_not_keep_the_other_from_quoting(
    chain: PaperChain, caplog: pytest.LogCaptureFixture
):
    venues = {"first": PaperVenue("first", broken=True), "second": VENUES["second"]}
    pools = [("first", key("rich")), ("second", key("poor"))]
    async with market_of(chain) as market:
        found, _ = await route(market, pools, venues=venues)

    assert said(found.answers) == [("second", ""), ("first", "venue_error")]
    assert "failed to quote pool" in caplog.text


async def test_a_pool_of_a_venue_that_is_switched_off_is_ignored(chain: PaperChain):
    pools = [("first", key("poor")), ("second", key("rich"))]
    async with market_of(chain) as market:
        found, _ = await route(market, pools, venues={"first": VENUES["first"]})

    assert said(found.answers) == [("first", "")]


async def test_a_pool_of_another_pair_is_refused(chain: PaperChain):
    async with market_of(chain) as market:
        with pytest.raises(NoRoute) as caught:
            await route(market, [("first", key("rich"))], mint_out=key("third mint"))

    assert ("first", "wrong_pair") in said(caught.value.answers)


async def test_all_venues_quote_from_one_reading_with_the_account_that_receives(
    chain: PaperChain,
):
    pools = [("first", key("poor")), ("second", key("rich"))]
    async with market_of(chain) as market:
        _, snapshot = await route(market, pools, account_out=key("wallet account"))

    assert len(chain.asked) == 1
    assert snapshot.accounts[key("wallet account")] is None


async def test_a_chain_that_does_not_answer_in_time_is_unavailable(chain: PaperChain):
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    async with market_of(chain, getMultipleAccounts=never) as market:
        with pytest.raises(RpcUnavailable, match="in time"):
            await route(market, [("first", key("poor"))], timeout_s=0.02)


async def test_a_chain_that_cannot_be_read_is_unavailable(chain: PaperChain):
    async with market_of(chain, getMultipleAccounts=None) as market:
        with pytest.raises(RpcUnavailable):
            await route(market, [("first", key("poor"))])
