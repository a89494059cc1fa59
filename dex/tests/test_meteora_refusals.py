"""Meteora DLMM: where the program would fail, the quote is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .builders import U64_MAX
from .builders_dlmm import BinAmounts, DlmmPair
from .meteora_quotes import X, quote, refusal


def test_pairs_that_are_off_or_not_yet_open_are_refused():
    bins = {0: BinAmounts(y=10**6)}
    assert refusal(DlmmPair(bins, status=1)) == "pool_disabled"
    for pair_type, gated in ((0, False), (1, True), (2, True), (3, False)):
        by_slot = DlmmPair(bins, pair_type=pair_type, activation_point=1_001)
        by_time = replace(by_slot, activation_type=1, activation_point=1_800_000_001)
        if gated:
            assert refusal(by_slot) == refusal(by_time) == "pool_not_open"
            quote(by_time, X, 1_000, unix_timestamp=1_800_000_001)
            quote(replace(by_slot, activation_point=1_000), X, 1_000)
        else:
            quote(by_slot, X, 1_000)
            quote(by_time, X, 1_000)


def test_a_bin_whose_price_fails_is_refused_even_for_nothing():
    beyond_u64 = BinAmounts(y=10**6, price=1 << 10)
    pair = DlmmPair({0: BinAmounts(y=9), -1: beyond_u64}, base_factor=10_000)
    assert quote(pair, X, 10).amount_out == 9
    # One unit is left for the second bin, and the fee takes it: the program computes
    # what the bin's market makers would take before it sees that nothing is left.
    assert refusal(pair, amount=11) == "math_overflow"


def test_limit_orders_are_not_priced_when_nothing_is_left_for_them():
    bin = BinAmounts(y=1, price=1 << 40, remaining_orders=1 << 41)
    pair = DlmmPair({0: bin}, function_type=2)
    assert quote(pair, X, 1 << 24).amount_out == 1
    assert refusal(pair, amount=(1 << 24) + 1) == "math_overflow"


@pytest.mark.parametrize(
    ("pair", "amount", "code"),
    [
        (DlmmPair({0: BinAmounts(y=10**6)}), 0, "zero_output"),
        (DlmmPair({0: BinAmounts(y=10**6)}), U64_MAX + 1, "math_overflow"),
        (DlmmPair({0: BinAmounts(y=10**6)}), U64_MAX, "math_overflow"),
        (DlmmPair({0: BinAmounts(x=10**6)}), 1_000, "no_liquidity"),
        (DlmmPair({}), 1_000, "no_liquidity"),
        (DlmmPair({0: BinAmounts(y=10**6)}, reserves=(0, 999)), 1_000, "no_liquidity"),
        (DlmmPair({0: BinAmounts(y=10**6, price=0)}), 1_000, "pool_unreadable"),
        (DlmmPair({0: BinAmounts(y=10**6, price=1 << 40)}), 1_000, "zero_output"),
        (DlmmPair({0: BinAmounts(y=10**6, price=1 << 10)}), 1_000, "math_overflow"),
        (DlmmPair({0: BinAmounts(x=U64_MAX, y=10**6)}), 1_000, "math_overflow"),
        (
            DlmmPair({0: BinAmounts(y=10**6)}, base_factor=1, base_fee_power=39),
            1_000,
            "math_overflow",
        ),
        (DlmmPair({0: BinAmounts(y=10**6)}, pair_type=4), 1_000, "pool_unreadable"),
        (DlmmPair({0: BinAmounts(y=10**6)}, function_type=3), 1_000, "pool_unreadable"),
        (
            DlmmPair({0: BinAmounts(y=10**6)}, collect_fee_mode=2),
            1_000,
            "pool_unreadable",
        ),
        (
            DlmmPair(
                {0: BinAmounts(y=10**6)},
                volatility_accumulator=500_000,
                reduction_factor=10_000,
                last_update=1_799_999_900,
            ),
            1_000,
            "math_overflow",
        ),
        (
            DlmmPair({0: BinAmounts(y=10**6)}, base_factor=10_000, bin_step=100),
            1,
            "zero_output",
        ),
    ],
)
def test_where_the_program_fails_the_quote_is_refused(pair, amount, code):
    assert refusal(pair, X, amount) == code
