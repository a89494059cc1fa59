"""Meteora DLMM: what a swap costs, and how the fee follows the volatility."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dex.venues.meteora import swap_exact_in

from .builders import snapshot
from .builders_dlmm import BinAmounts, DlmmPair
from .meteora_quotes import X, Y, quote


def test_the_fee_is_in_the_input_or_always_in_y():
    bins = {0: BinAmounts(x=10**6, y=10**6)}
    both = DlmmPair(bins, base_factor=10_000, bin_step=100)  # 1 %
    only_y = replace(both, collect_fee_mode=1)
    answers = [
        (answer.amount_out, answer.fee_amount, answer.fee_mint, answer.fee_bps)
        for answer in (
            quote(both, X, 1_050),
            quote(both, Y, 1_050),
            quote(only_y, X, 1_050),
            quote(only_y, Y, 1_050),
        )
    ]
    assert answers == [
        (1_039, 11, X, 105),
        (1_039, 11, Y, 105),
        (1_039, 11, Y, 105),
        (1_039, 11, Y, 105),
    ]


def test_a_drained_bin_charges_its_fee_on_what_it_took():
    bins = {0: BinAmounts(y=990), -1: BinAmounts(y=10**6)}
    pair = DlmmPair(bins, base_factor=10_000, bin_step=100)
    # 990 take 10 of fee with them; of the other 500 the next bin keeps 5.
    assert quote(pair, X, 1_500).amount_out == 990 + 495
    # Below that, the fee is 1 % of what is sent.
    assert quote(pair, X, 1_000).amount_out == 990
    assert quote(pair, X, 999).amount_out == 989


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (29, (7_000, 5)),  # within the filter period nothing changes
        (30, (10_000, 0)),  # then it decays to the reduction factor
        (599, (10_000, 0)),
        (600, (0, 0)),  # and at last to zero
    ],
)
def test_volatility_decays_with_the_time_of_the_chain(elapsed, expected):
    pair = DlmmPair(
        {0: BinAmounts(y=10**6)},
        volatility_accumulator=20_000,
        volatility_reference=7_000,
        index_reference=5,
        last_update=1_000_000,
    )
    at = snapshot(pair.accounts(), unix_timestamp=1_000_000 + elapsed)
    inner = swap_exact_in(pair.address, at, X, 1_000).inner
    assert (inner.volatility_reference, inner.index_reference) == expected


def test_the_fee_grows_with_each_bin_up_to_its_cap():
    bins = {-i: BinAmounts(y=10**6) for i in range(5)}
    pair = DlmmPair(
        bins,
        bin_step=100,
        variable_fee_control=10**6,
        max_volatility_accumulator=30_000,
    )
    at = snapshot(pair.accounts())
    fills = swap_exact_in(pair.address, at, X, 5 * 10**6).inner.fills
    # (accumulator * bin step)^2 * control / 10^11, parts per billion: 0, 1 %, 4 %, 9 %, 9 %
    assert [fill.fee for fill in fills] == [0, 10_102, 41_667, 98_902, 76_440]
    dear = replace(pair, variable_fee_control=10**7)
    fills = swap_exact_in(
        dear.address, snapshot(dear.accounts()), X, 2 * 10**6
    ).inner.fills
    assert [fill.fee for fill in fills] == [0, 100_000]
