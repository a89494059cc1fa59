"""What a snapshot holds: all that a quote reads, of one slot, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dex.errors import RpcUnavailable
from dex.solana.addresses import CLOCK_SYSVAR
from dex.types import Clock

from .builders import key
from .paper_market import OTHER, OTHER_POOL, PAPER, POOL, reading
from .paper_venue import PaperChain, page


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
