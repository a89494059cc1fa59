"""Meteora DLMM: swaps that the program itself executed, with its state afterwards."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from dex.venues.dlmm_layout import decode_pair
from dex.venues.meteora import MeteoraDlmm, apply_swap, swap_exact_in

from . import mainnet_swap
from .builders import Token, TransferFees, key, snapshot
from .builders_dlmm import BinAmounts, DlmmPair

VENUE = MeteoraDlmm()
X, Y = key("token x"), key("token y")


def bin_after(pair, arrays, bin_id):
    """Read amounts X and Y, and fees per liquidity X and Y, of one bin."""
    data = arrays[pair.array_address(bin_id // 70)]
    at = 56 + 144 * (bin_id % 70)
    fees = (data[at + 80 : at + 96], data[at + 96 : at + 112])
    return (
        *struct.unpack_from("<2Q", data, at),
        *(int.from_bytes(fee, "little") for fee in fees),
    )


# Prices of bins -3 to 3 at bin step 10, as two real pairs store them.
PRICES = {
    -3: 18391514337761738776,
    -2: 18409905852099500515,
    -1: 18428315757951600016,
    0: 18446744073709551616,
    1: 18465190817783261167,
    2: 18483656008601044429,
    3: 18502139664609645473,
}
SMALL_X = {1: 33818508, 2: 33784723, 3: 33750972}
LARGE_X = {1: 6763735451948, 2: 6756978473474, 3: 6750228245228}


def small(**changes):
    """Return the bins near the price of a real pair whose X has a transfer fee."""
    bins = {i: BinAmounts(y=32258064, price=PRICES[i]) for i in range(-3, 1)}
    bins |= {i: BinAmounts(x=x, price=PRICES[i]) for i, x in SMALL_X.items()}
    pair = DlmmPair(
        bins,
        base_factor=10000,
        base_fee_power=2,
        variable_fee_control=40000,
        function_type=0,
        pair_type=3,
        tokens=(Token(X, TransferFees(50, 5000)), Token(Y)),
    )
    return replace(pair, **changes)


def large(**changes):
    """Return the bins near the price of a real pair with limit orders beside them."""
    bid, ask = 10**9, 10**12
    bins = {
        i: BinAmounts(y=6451612902, price=PRICES[i], open_orders=bid)
        for i in range(-3, 0)
    }
    bins[0] = BinAmounts(y=6451612902, price=PRICES[0])
    bins |= {
        i: BinAmounts(x=x, price=PRICES[i], open_orders=ask, ask=True)
        for i, x in LARGE_X.items()
    }
    pair = DlmmPair(
        bins,
        base_factor=10000,
        base_fee_power=1,
        filter_period=10,
        decay_period=120,
        variable_fee_control=50000,
        max_volatility_accumulator=150000,
        protocol_share=2000,
        function_type=2,
        collect_fee_mode=1,
        pair_type=2,
    )
    return replace(pair, **changes)


def pair_fields(*values):
    names = (
        "base_factor filter_period decay_period reduction_factor variable_fee_control "
        "max_volatility_accumulator protocol_share base_fee_power function_type "
        "collect_fee_mode volatility_accumulator volatility_reference index_reference last_update"
    )
    return dict(zip(names.split(), values, strict=True))


# What the program itself did: pair, time, input token, amount in and out; then active bin,
# accumulator, reference, index and time of the last move; then X and Y of the bins.
# fmt: off
RECORDED = [
    (small(**pair_fields(1000, 30, 119, 1932, 500000, 100000, 2476, 0, 2, 1, 91996, 259301, 13, 1770146611)), (1770146641, X, 49474, 49213), (0, 17773, 17773, 0, 1770146611), {0: (49226, 32208838)}),
    (large(), (1770485676, Y, 24, 22), (1, 10000, 0, 0, 1770485676), {1: (6763735451926, 23)}),
    (small(**pair_fields(29678, 30, 880, 2000, 7500, 100000, 129, 0, 1, 1, 165483, 334857, -7, 1770908430)), (1770909309, Y, 11081, 10979), (1, 43096, 33096, 0, 1770909309), {1: (33807473, 11047)}),
    (large(**pair_fields(100, 60, 1107, 3871, 500000, 100000, 1625, 0, 1, 0, 118203, 18817, -25, 1770042685)), (1770042744, Y, 258674, 257120), (1, 100000, 18817, -25, 1770042744), {1: (6763735194828, 257378)}),
    (small(), (1770012503, Y, 196422, 175718), (1, 10000, 0, 0, 1770012503), {1: (33641906, 176779)}),
    (large(), (1770800481, X, 2196925, 2174955), (0, 0, 0, 0, 0), {0: (2196925, 6449415977)}),
    (small(), (1770894362, X, 74521, 66733), (0, 0, 0, 0, 0), {0: (66733, 32191331)}),
    (small(**pair_fields(100, 10, 851, 4550, 500000, 500000, 967, 0, 1, 0, 23327, 54807, 4, 1770353919)), (1770353919, X, 1195, 1183), (0, 94807, 54807, 4, 1770353919), {0: (1183, 32256881)}),
    (large(**pair_fields(1000, 30, 580, 8497, 500000, 500000, 1632, 0, 2, 1, 323632, 124763, -14, 1770159563)), (1770159563, X, 19814936, 19118446), (0, 264763, 124763, -14, 1770159563), {0: (19814936, 6431797966)}),
    (large(**pair_fields(1000, 60, 207, 808, 7500, 100000, 1385, 0, 1, 1, 40348, 47799, 11, 1770046010)), (1770046216, Y, 7065141, 7057367), (1, 13260, 3260, 0, 1770046216), {1: (6763728394581, 7064425)}),
    (large(**pair_fields(100, 10, 315, 1412, 0, 0, 2098, 0, 1, 1, 49011, 335130, 2, 1770443265)), (1770443265, X, 22374219192, 22345652351), (-3, 0, 335130, 2, 1770443265), {-3: (3000019195, 3460575795), -2: (6464522580, 0), -1: (6458064515, 0), 0: (6451612902, 0)}),
    (small(**pair_fields(24730, 10, 420, 8436, 12176215, 0, 2389, 0, 1, 0, 101709, 188017, -26, 1770161150)), (1770161150, Y, 40233409, 40082547), (2, 0, 188017, -26, 1770161150), {1: (0, 33852327), 2: (27515684, 6281584)}),
    (large(**pair_fields(10000, 30, 1030, 952, 0, 100000, 217, 0, 2, 1, 261078, 303988, 13, 1770675798)), (1770675798, X, 23628138385, 23575437725), (-3, 100000, 303988, 13, 1770675798), {-3: (2250937387, 4207414845), -2: (6464522580, 0), -1: (6458064515, 0), 0: (6451612902, 0)}),
    (small(**pair_fields(32310, 1, 840, 6073, 13912320, 0, 1660, 0, 1, 1, 330232, 256717, 13, 1770089224)), (1770089224, X, 91922058, 91533439), (-2, 0, 256717, 13, 1770089224), {-2: (27368671, 4944049), -1: (32290323, 0), 0: (32258064, 0)}),
    (small(**pair_fields(1000, 1, 420, 5799, 7500, 0, 1512, 1, 0, 0, 220719, 268287, 27, 1770386572)), (1770386992, X, 96491635, 96294299), (-2, 0, 0, 0, 1770386992), {-2: (31841760, 479893), -1: (32290323, 0), 0: (32258064, 0)}),
    (large(), (1770995068, X, 21654660326, 21414953903), (-3, 30000, 0, 0, 1770995068), {-3: (277459328, 6174984290), -2: (6464522580, 0), -1: (6458064515, 0), 0: (6451612902, 0)}),
    (small(**pair_fields(25711, 10, 570, 8669, 15752309, 500000, 141, 0, 2, 0, 285380, 331123, -21, 1770242189)), (1770242199, Y, 55991699, 50320678), (2, 267395, 247395, 0, 1770242199), {1: (0, 33852327), 2: (17277553, 16540201)}),
    (small(**pair_fields(1000, 30, 838, 9395, 10677659, 100000, 1422, 0, 0, 0, 101398, 24199, 10, 1770391103)), (1770391940, Y, 66684879, 59925321), (2, 100000, 95263, 0, 1770391940), {1: (0, 33852327), 2: (7672910, 26164063)}),
    (small(), (1770800051, Y, 58339639, 52429604), (2, 20000, 0, 0, 1770800051), {1: (0, 33852327), 2: (15168627, 18653347)}),
]
# fmt: on


@pytest.mark.parametrize(("pair", "swap", "state", "bins"), RECORDED)
def test_a_swap_pays_what_the_program_paid(pair, swap, state, bins):
    unix_timestamp, mint_in, amount_in, amount_out = swap
    at = snapshot(pair.accounts(), unix_timestamp=unix_timestamp)
    quote = VENUE.quote(pair.address, at, mint_in, amount_in)
    assert quote.amount_out == amount_out


@pytest.mark.parametrize(("pair", "swap", "state", "bins"), RECORDED)
def test_a_swap_leaves_the_state_that_the_program_left(pair, swap, state, bins):
    unix_timestamp, mint_in, amount_in, _ = swap
    at = snapshot(pair.accounts(), unix_timestamp=unix_timestamp)
    inner = swap_exact_in(pair.address, at, mint_in, amount_in).inner
    data, arrays = apply_swap(pair.pair_data(), pair.arrays(), inner, at.clock)
    after = decode_pair(data)
    assert state == (
        after.active_id,
        after.volatility_accumulator,
        after.volatility_reference,
        after.index_reference,
        after.last_update,
    )
    assert {bin_id: bin_after(pair, arrays, bin_id)[:2] for bin_id in bins} == bins


def test_a_swap_writes_what_mainnets_program_wrote_and_nothing_else():
    pair, at = mainnet_swap.PAIR, mainnet_swap.AT
    quote = VENUE.quote(pair.address, at, X, mainnet_swap.AMOUNT_IN)
    assert quote.amount_out == mainnet_swap.AMOUNT_OUT

    after = VENUE.after_swap(quote, at)

    assert after[pair.address].data == mainnet_swap.PAIR_AFTER.pair_data()
    arrays = {pair.array_address(-1): after[pair.array_address(-1)].data}
    assert {bin_id: bin_after(pair, arrays, bin_id) for bin_id in pair.bins} == {
        bin_id: (*amounts, mainnet_swap.FEES_X_GAINED[bin_id], 0)
        for bin_id, amounts in mainnet_swap.BINS_AFTER.items()
    }
    # The reserves: X with what Token-2022 withholds of the transfer, and Y.
    x, y = (after[key(name)].data for name in ("reserve x", "reserve y"))
    assert struct.unpack_from("<Q", x, 64) == (682_226_179,)
    assert struct.unpack_from("<Q", x, 170) == (50,)
    assert struct.unpack_from("<Q", y, 64) == (7_110_423,)
