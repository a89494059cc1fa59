"""Who shares a reading of the market, and who needs a later one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dex.errors import RpcUnavailable

from .builders import key
from .paper_market import OTHER, PAPER, reading
from .paper_venue import PaperChain


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


async def test_a_caller_who_gives_up_does_not_stop_the_others(chain: PaperChain):
    async with reading(chain) as (market, _):
        impatient = asyncio.create_task(market.snapshot([PAPER]))
        patient = asyncio.create_task(market.snapshot([PAPER]))
        await asyncio.sleep(0)
        impatient.cancel()

        assert (await patient).slot == 100
