"""Meteora DLMM: what a swap pays on its way through the bins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dex.errors import QuoteRefused
from dex.types import Account
from dex.venues.meteora import apply_swap, swap_exact_in

from .builders import key, snapshot
from .builders_dlmm import METEORA, ONE_Q64, BinAmounts, DlmmPair
from .meteora_quotes import X, Y, quote, refusal


def test_limit_orders_pay_after_the_market_makers_begun_ones_first():
    orders = BinAmounts(
        y=100, open_orders=1_000, processing_orders=500, remaining_orders=30
    )
    pair = DlmmPair({0: orders}, function_type=2)
    at = snapshot(pair.accounts())
    fills = {
        amount: swap_exact_in(pair.address, at, X, amount).inner.fills[0]
        for amount in (100, 120, 131, 1_130)
    }
    parts = {
        amount: (fill.maker_out, fill.remaining_out, fill.open_out)
        for amount, fill in fills.items()
    }
    assert parts == {
        100: (100, 0, 0),
        120: (100, 20, 0),
        131: (100, 30, 1),
        1_130: (100, 30, 1_000),
    }
    assert refusal(pair, X, 1_131) == "no_liquidity"


@pytest.mark.parametrize(
    ("function_type", "reward_mint", "ask", "mint_in", "most"),
    [
        (2, None, False, X, 1_100),
        (2, key("reward"), False, X, 1_100),
        (0, None, False, X, 1_100),
        (0, key("reward"), False, X, 100),
        (1, None, False, X, 100),
        (2, None, True, X, 100),
        (2, None, True, Y, 1_100),
        (2, None, False, Y, 100),
    ],
)
def test_limit_orders_pay_only_where_the_pair_and_the_side_allow(
    function_type, reward_mint, ask, mint_in, most
):
    bins = {0: BinAmounts(x=100, y=100, open_orders=1_000, ask=ask)}
    pair = DlmmPair(bins, function_type=function_type, reward_mint=reward_mint)
    assert quote(pair, mint_in, most).amount_out == most
    assert refusal(pair, mint_in, most + 1) == "no_liquidity"


@pytest.mark.parametrize(
    ("bins", "active_id", "mint_in"),
    [
        ((0, 5, 69, 70, 141), 0, Y),
        ((0, -1, -70, -71, -300), 0, X),
        ((35_000, 35_839, 35_840, 36_000, 100_000, 443_636), 34_990, Y),
        ((-35_000, -35_840, -35_841, -36_500, -443_636), -34_990, X),
        ((443_000, 36_000, 35_840, 35_839, 0), 443_100, X),
        ((-443_000, -36_000, -35_841, -35_840, 0), -443_100, Y),
    ],
)
def test_a_swap_jumps_over_empty_arrays_and_through_the_bitmap_extension(
    bins, active_id, mint_in
):
    pair = DlmmPair(
        {bin_id: BinAmounts(x=1_000, y=1_000) for bin_id in bins},
        active_id=active_id,
        has_extension=True,
    )
    at = snapshot(pair.accounts())
    everything = 1_000 * len(bins)
    swap = swap_exact_in(pair.address, at, mint_in, everything).inner
    assert swap.amount_out == everything
    assert tuple(fill.bin_id for fill in swap.fills) == bins
    assert refusal(pair, mint_in, everything + 1) == "no_liquidity"


@pytest.mark.parametrize(("far", "mint_in"), [(36_000, Y), (-36_000, X)])
def test_without_its_extension_the_walk_ends_at_the_inner_bitmap(far, mint_in):
    bins = {0: BinAmounts(x=1_000, y=1_000), far: BinAmounts(x=1_000, y=1_000)}
    pair = DlmmPair(bins)
    assert quote(pair, mint_in, 1_000).amount_out == 1_000
    assert refusal(pair, mint_in, 1_001) == "no_liquidity"
    assert quote(replace(pair, has_extension=True), mint_in, 1_001).amount_out == 1_001


def test_on_a_jump_the_volatility_counts_the_bins_jumped_over():
    bins = {0: BinAmounts(y=1_000), -200: BinAmounts(y=1_000)}
    pair = DlmmPair(bins, max_volatility_accumulator=10**7)
    swap = swap_exact_in(pair.address, snapshot(pair.accounts()), X, 1_500).inner
    assert (swap.active_id, swap.volatility_accumulator) == (-200, 2_000_000)


def test_more_bins_than_a_transaction_can_cross_are_refused():
    pair = DlmmPair({-i: BinAmounts(y=10) for i in range(250)})
    assert quote(pair, X, 2_000).amount_out == 2_000
    assert refusal(pair, X, 2_001) == "too_many_bins"
    sparse = DlmmPair({-70 * i: BinAmounts(y=10) for i in range(12)})
    assert quote(sparse, X, 80).amount_out == 80
    assert refusal(sparse, X, 81) == "too_many_bins"


def test_a_swap_that_empties_a_bin_stays_in_it():
    pair = DlmmPair({0: BinAmounts(y=1_000), -1: BinAmounts(y=1_000)})
    at = snapshot(pair.accounts())
    assert swap_exact_in(pair.address, at, X, 1_000).inner.active_id == 0
    assert swap_exact_in(pair.address, at, X, 1_001).inner.active_id == -1


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    bins=st.dictionaries(
        st.integers(-150, 150),
        st.integers(1, 10**9),
        min_size=1,
        max_size=12,
    ),
    amount=st.integers(1, 10**10),
    base_factor=st.integers(0, 20_000),
    mode=st.integers(0, 1),
)
def test_output_never_exceeds_the_bins_and_a_round_trip_never_gains(
    bins, amount, base_factor, mode
):
    # As in any pair: Y at and below the active bin, X above it.
    pair = DlmmPair(
        {
            i: BinAmounts(y=y, price=ONE_Q64 + i * (ONE_Q64 // 1_000))
            for i, y in bins.items()
        },
        base_factor=base_factor,
        collect_fee_mode=mode,
        active_id=max(bins),
    )
    with suppress(QuoteRefused):  # too small to pay, or more than the bins hold
        at = snapshot(pair.accounts())
        there = swap_exact_in(pair.address, at, X, amount).inner
        assert there.amount_out <= sum(bins.values())
        data, arrays = apply_swap(pair.pair_data(), pair.arrays(), there, at.clock)
        changed = {
            address: Account(METEORA, 1, array) for address, array in arrays.items()
        }
        accounts = {
            **pair.accounts(),
            pair.address: Account(METEORA, 1, data),
            **changed,
        }
        back = swap_exact_in(
            pair.address, snapshot(accounts), Y, there.amount_out
        ).inner
        assert back.amount_out <= amount
