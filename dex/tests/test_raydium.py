"""Raydium CPMM: what a swap costs and what it pays."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dex.errors import QuoteRefused
from dex.venues.raydium import (
    apply_swap,
    swap_exact_in,
    swap_exact_out,
)

from .builders import CpmmPool, key, snapshot
from .raydium_quotes import TOKEN_0, TOKEN_1, VENUE, tokens


@pytest.mark.parametrize(
    ("creator_fee_on", "mint_in", "expected"),
    [
        # on the input: 15,000 of a million, a third of it for the creator
        (0, TOKEN_0, (487_696, 10_000, 5_000, (5_000, 0))),
        (0, TOKEN_1, (1_931_940, 10_000, 5_000, (0, 5_000))),
        (1, TOKEN_0, (487_696, 10_000, 5_000, (5_000, 0))),
        (2, TOKEN_1, (1_931_940, 10_000, 5_000, (0, 5_000))),
        # on the output: 10,000 of the input, then 5,000 parts per million of the output
        (2, TOKEN_0, (490_147 - 2_451, 10_000, 2_451, (0, 2_451))),
        (1, TOKEN_1, (1_941_557 - 9_708, 10_000, 9_708, (9_708, 0))),
    ],
)
def test_the_creator_fee_is_taken_where_the_pool_says(
    creator_fee_on, mint_in, expected
):
    pool = CpmmPool(
        (100_000_000, 50_000_000),
        trade_fee_rate=10_000,
        creator_fee_rate=5_000,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    swap = swap_exact_in(pool.address, snapshot(pool.accounts()), mint_in, 1_000_000)
    amount_out, trade_fee, creator_fee, accrued = expected
    assert swap.amount_out == amount_out
    assert (swap.curve.trade_fee, swap.curve.creator_fee) == (trade_fee, creator_fee)
    state = apply_swap(pool.pool_data(), swap)
    assert struct.unpack_from("<2Q", state, 397) == accrued


@pytest.mark.parametrize("creator_fee_on", [0, 1, 2])
@pytest.mark.parametrize("mint_in", [TOKEN_0, TOKEN_1])
def test_exact_output_with_a_creator_fee_inverts_exact_input(creator_fee_on, mint_in):
    pool = CpmmPool(
        (100_000_000, 50_000_000),
        creator_fee_rate=5_000,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    at = snapshot(pool.accounts())
    swap = swap_exact_out(pool.address, at, mint_in, 777_777)
    assert (
        swap_exact_in(pool.address, at, mint_in, swap.amount_in).amount_out >= 777_777
    )
    assert (
        swap_exact_in(pool.address, at, mint_in, swap.amount_in - 2).amount_out
        < 777_777
    )


def test_a_creator_fee_that_is_not_enabled_costs_nothing():
    free, dear = (
        CpmmPool((10**9, 10**9)),
        CpmmPool((10**9, 10**9), creator_fee_rate=5_000),
    )
    quotes = [
        VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 10**6)
        for pool in (free, dear)
    ]
    assert quotes[0] == quotes[1]


def test_accrued_fees_are_no_reserves():
    plain = CpmmPool((1_000_000, 2_000_000))
    accrued = CpmmPool((1_000_111, 2_000_222), (100, 200), (10, 20), (1, 2))
    quotes = [
        VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 5_000)
        for pool in (plain, accrued)
    ]
    assert quotes[0] == quotes[1]


def test_a_quote_names_what_moves_and_what_it_costs():
    pool = CpmmPool((10**9, 2 * 10**9), tokens=tokens((100,), (200,)))
    quote = VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 10_000_000)
    assert (quote.vault_in_delta, quote.vault_out_delta) == (9_900_000, 19_557_366)
    assert quote.amount_out == 19_557_366 - 391_148
    assert (quote.fee_amount, quote.fee_mint, quote.fee_bps) == (24_750, TOKEN_0, 25)
    assert quote.price_impact_bps == 98  # 9,875,250 into a billion
    assert (quote.vault_in, quote.vault_out, quote.slot) == (
        key("vault 0"),
        key("vault 1"),
        1_000,
    )


reserves = st.integers(1, 10**15)
rates = st.integers(1, 50_000)


@settings(derandomize=True, max_examples=200)
@given(reserves, reserves, st.integers(1, 10**16), rates, rates, st.integers(0, 2))
def test_output_never_exceeds_the_reserve_and_a_round_trip_never_gains(
    reserve0, reserve1, amount, trade, creator, creator_fee_on
):
    pool = CpmmPool(
        (reserve0, reserve1),
        trade_fee_rate=trade,
        creator_fee_rate=creator,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    with suppress(QuoteRefused):  # too small to pay, or too big for a u64
        there = swap_exact_in(pool.address, snapshot(pool.accounts()), TOKEN_0, amount)
        assert there.amount_out < reserve1
        pool.vaults = (reserve0 + amount, reserve1 - there.amount_out)
        back = swap_exact_in(
            pool.address, snapshot(pool.accounts()), TOKEN_1, there.amount_out
        )
        assert back.amount_out <= amount
