from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dex.errors import RpcUnavailable
from dex.solana.addresses import CLOCK_SYSVAR
from dex.solana.market import Market
from dex.solana.rpc import RpcClient
from dex.types import Clock

from .builders import key
from .paper_venue import PaperChain, PaperVenue, page
from .scripted_node import ScriptedNode, scripted_node

POOL, OTHER_POOL = key("pool"), key("other pool")
VENUES = {"paper": PaperVenue("paper"), "broken": PaperVenue("broken", broken=True)}
PAPER = ("paper", POOL)
OTHER = ("paper", OTHER_POOL)


@contextlib.asynccontextmanager
async def reading(
    chain: PaperChain, *, slot_time_s: float = 3600
) -> AsyncIterator[tuple[Market, ScriptedNode]]:
    """A market whose snapshots stay fresh for an hour, unless told otherwise."""
    async with scripted_node(getMultipleAccounts=chain.get_multiple_accounts) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=25, expected_genesis=None)
        market = Market(rpc, VENUES, slot_time_s=slot_time_s)
        try:
            yield market, node
        finally:
            await market.close()
            await rpc.close()


@pytest.fixture
def chain() -> PaperChain:
    made = PaperChain()
    made.accounts = {
        POOL: page(1, key("vault"), key("config")),
        key("vault"): page(0),
        key("config"): page(0, key("array")),
        key("array"): page(7),
        OTHER_POOL: page(2),
    }
    return made


async def test_a_snapshot_holds_all_a_quote_reads_of_one_slot_with_the_clock(
    chain: PaperChain,
):
    async with reading(chain) as (market, _):
        snapshot = await market.snapshot([PAPER], extra=[key("absent")])

    assert snapshot.slot == 100
    assert snapshot.clock == Clock(100, 3, 1_700_000_100)
    assert snapshot.accounts[key("absent")] is None
    for name in (POOL, key("vault"), key("config"), key("array"), CLOCK_SYSVAR):
        account = snapshot.accounts[name]
        assert account is not None
    # The last reading asked for everything at once: it is of one slot.
    assert set(chain.asked[-1]) == {str(address) for address in snapshot.accounts}


async def test_what_a_pool_named_once_is_read_in_one_call_afterwards(chain: PaperChain):
    async with reading(chain) as (market, _):
        first = await market.snapshot([PAPER])
        calls = len(chain.asked)
        await market.snapshot([PAPER], after=first)

    assert calls == 3
    assert len(chain.asked) == 4


async def test_an_account_that_a_pool_no_longer_names_is_not_read_for_ever(
    chain: PaperChain,
):
    async with reading(chain) as (market, _):
        snapshot = await market.snapshot([PAPER])
        chain.accounts[key("config")] = page(0)
        for _ in range(2):
            snapshot = await market.snapshot([PAPER], after=snapshot)

    assert key("array") not in snapshot.accounts


async def test_all_who_ask_at_once_share_one_reading(chain: PaperChain):
    async with reading(chain) as (market, _):
        snapshots = await asyncio.gather(
            *(market.snapshot([OTHER]) for _ in range(50)),
            *(market.snapshot([OTHER], extra=[key("vault")]) for _ in range(50)),
        )

    assert len(chain.asked) == 1
    assert len({id(snapshot) for snapshot in snapshots}) == 1


async def test_a_fresh_snapshot_is_handed_out_again(chain: PaperChain):
    async with reading(chain) as (market, _):
        first = await market.snapshot([OTHER])

        assert await market.snapshot([OTHER]) is first
    assert len(chain.asked) == 1


async def test_a_snapshot_older_than_a_slot_is_not_handed_out(chain: PaperChain):
    async with reading(chain, slot_time_s=0) as (market, _):
        first = await market.snapshot([OTHER])
        chain.slot += 1

        assert (await market.snapshot([OTHER])).slot == first.slot + 1


async def test_what_others_read_lately_is_read_along(chain: PaperChain):
    async with reading(chain) as (market, _):
        await market.snapshot([OTHER])
        both = await market.snapshot([("paper", key("third pool"))])

        assert await market.snapshot([OTHER]) is both


async def test_after_forces_a_reading_that_begins_later(chain: PaperChain):
    async with reading(chain) as (market, _):
        first = await market.snapshot([OTHER])
        chain.slot += 1

        second = await market.snapshot([OTHER], after=first)

    assert second.slot == first.slot + 1


async def test_after_does_not_join_a_reading_that_began_before(chain: PaperChain):
    release = asyncio.Event()

    async def held(names: list[str], options: Any) -> Any:
        answer = chain.get_multiple_accounts(names, options)
        await release.wait()
        return answer

    async with reading(chain) as (market, node):
        first = await market.snapshot([OTHER])
        node.answers["getMultipleAccounts"] = held
        under_way = asyncio.create_task(market.snapshot([PAPER]))
        while len(chain.asked) < 2:
            await asyncio.sleep(0)
        chain.slot += 1
        later = [
            asyncio.create_task(market.snapshot([OTHER], after=first)) for _ in range(9)
        ]
        await asyncio.sleep(0)
        release.set()
        snapshots = await asyncio.gather(*later)
        await under_way

    assert {snapshot.slot for snapshot in snapshots} == {101}
    assert len({id(snapshot) for snapshot in snapshots}) == 1


async def test_after_asks_for_no_earlier_slot(chain: PaperChain):
    options_seen: list[dict[str, Any]] = []

    def answer(names: list[str], options: dict[str, Any]) -> Any:
        options_seen.append(options)
        return chain.get_multiple_accounts(names, options)

    async with reading(chain) as (market, node):
        node.answers["getMultipleAccounts"] = answer
        first = await market.snapshot([OTHER])
        await market.snapshot([OTHER], after=first)
        await market.snapshot([OTHER], after=first, min_context_slot=100)
        chain.slot = 99

        with pytest.raises(RpcUnavailable, match="too old"):
            await market.snapshot([OTHER], after=first)

    assert [options.get("minContextSlot") for options in options_seen] == [
        None,
        100,
        100,
        100,
    ]


async def test_more_than_100_accounts_come_from_one_slot(chain: PaperChain):
    names = [key(f"account {n}") for n in range(250)]
    moves = 2

    def answer(asked: list[str], options: Any) -> Any:
        nonlocal moves
        if moves:
            moves -= 1
            chain.slot += 1  # between two chunks
        return chain.get_multiple_accounts(asked, options)

    async with reading(chain) as (market, node):
        node.answers["getMultipleAccounts"] = answer
        snapshot = await market.snapshot([OTHER], extra=names)

    assert snapshot.slot == 102
    assert snapshot.clock.slot == 102
    assert [len(asked) for asked in chain.asked] == [100, 100, 52] * 2


async def test_chunks_that_never_agree_on_a_slot_are_unavailable(chain: PaperChain):
    def answer(asked: list[str], options: Any) -> Any:
        chain.slot += 1
        return chain.get_multiple_accounts(asked, options)

    async with reading(chain) as (market, node):
        node.answers["getMultipleAccounts"] = answer
        with pytest.raises(RpcUnavailable, match="of one slot"):
            await market.snapshot([OTHER], extra=[key(str(n)) for n in range(150)])


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"context": {}, "value": []},
        {"context": {"slot": 1}, "value": []},
        {"context": {"slot": 1}, "value": [None, None]},
        {"context": {"slot": 1}, "value": [7, 7]},
        {"context": {"slot": 1}, "value": [{"data": "x"}] * 2},
        {
            "context": {"slot": 1},
            "value": [{"data": ["@@", "base64"], "owner": "x", "lamports": 1}] * 2,
        },
    ],
)
async def test_an_unreadable_answer_is_unavailable(chain: PaperChain, value: Any):
    async with reading(chain) as (market, node):
        node.answers["getMultipleAccounts"] = value
        with pytest.raises(RpcUnavailable):
            await market.snapshot([OTHER])

        node.answers["getMultipleAccounts"] = chain.get_multiple_accounts
        assert (await market.snapshot([OTHER])).slot == 100


async def test_a_caller_who_gives_up_does_not_stop_the_others(chain: PaperChain):
    async with reading(chain) as (market, _):
        impatient = asyncio.create_task(market.snapshot([PAPER]))
        patient = asyncio.create_task(market.snapshot([PAPER]))
        await asyncio.sleep(0)
        impatient.cancel()

        assert (await patient).slot == 100


async def test_a_pool_that_breaks_its_venue_does_not_spoil_the_round(
    chain: PaperChain, caplog: pytest.LogCaptureFixture
):
    async with reading(chain) as (market, _):
        snapshot = await market.snapshot([OTHER, ("broken", POOL)])

    assert snapshot.accounts[OTHER_POOL] is not None
    assert snapshot.accounts[POOL] is not None
    assert "broken cannot read pool" in caplog.text


async def test_a_pool_that_names_new_accounts_for_ever_is_given_up(chain: PaperChain):
    chain.accounts |= {
        key(f"link {n}"): page(0, key(f"link {n + 1}")) for n in range(50)
    }
    chain.accounts[POOL] = page(1, key("link 0"))
    async with reading(chain) as (market, _):
        with pytest.raises(RpcUnavailable, match="new accounts at every reading"):
            await market.snapshot([PAPER])
