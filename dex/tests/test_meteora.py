"""Meteora DLMM: exact quotes, the walk through the bins, refusals, the state afterwards."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import MEMO_PROGRAM, associated_token_address
from dex.types import Account, Clock
from dex.venues.dlmm_layout import decode_pair
from dex.venues.meteora import MeteoraDlmm, apply_swap, swap_exact_in

from .builders import U64_MAX, Token, TransferFees, key, snapshot
from .builders_dlmm import METEORA, ONE_Q64, BinAmounts, DlmmPair

VENUE = MeteoraDlmm()
X, Y = key("token x"), key("token y")
USER = key("user")


def quote(pair, mint_in, amount, **kwargs):
    return VENUE.quote(
        pair.address, snapshot(pair.accounts(), **kwargs), mint_in, amount
    )


def refusal(pair, mint_in=X, amount=1_000, **kwargs):
    with pytest.raises(QuoteRefused) as refused:
        quote(pair, mint_in, amount, **kwargs)
    return refused.value.code


def arrays_of(pair):
    return {
        pair.array_address(index): pair.array_data(index)
        for index in pair.array_indices()
    }


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
RECORDED = [
    (
        small(
            **pair_fields(
                1000,
                30,
                119,
                1932,
                500000,
                100000,
                2476,
                0,
                2,
                1,
                91996,
                259301,
                13,
                1770146611,
            )
        ),
        (1770146641, X, 49474, 49213),
        (0, 17773, 17773, 0, 1770146611),
        {0: (49226, 32208838)},
    ),
    (
        large(),
        (1770485676, Y, 24, 22),
        (1, 10000, 0, 0, 1770485676),
        {1: (6763735451926, 23)},
    ),
    (
        small(
            **pair_fields(
                29678,
                30,
                880,
                2000,
                7500,
                100000,
                129,
                0,
                1,
                1,
                165483,
                334857,
                -7,
                1770908430,
            )
        ),
        (1770909309, Y, 11081, 10979),
        (1, 43096, 33096, 0, 1770909309),
        {1: (33807473, 11047)},
    ),
    (
        large(
            **pair_fields(
                100,
                60,
                1107,
                3871,
                500000,
                100000,
                1625,
                0,
                1,
                0,
                118203,
                18817,
                -25,
                1770042685,
            )
        ),
        (1770042744, Y, 258674, 257120),
        (1, 100000, 18817, -25, 1770042744),
        {1: (6763735194828, 257378)},
    ),
    (
        small(),
        (1770012503, Y, 196422, 175718),
        (1, 10000, 0, 0, 1770012503),
        {1: (33641906, 176779)},
    ),
    (
        large(),
        (1770800481, X, 2196925, 2174955),
        (0, 0, 0, 0, 0),
        {0: (2196925, 6449415977)},
    ),
    (small(), (1770894362, X, 74521, 66733), (0, 0, 0, 0, 0), {0: (66733, 32191331)}),
    (
        small(
            **pair_fields(
                100,
                10,
                851,
                4550,
                500000,
                500000,
                967,
                0,
                1,
                0,
                23327,
                54807,
                4,
                1770353919,
            )
        ),
        (1770353919, X, 1195, 1183),
        (0, 94807, 54807, 4, 1770353919),
        {0: (1183, 32256881)},
    ),
    (
        large(
            **pair_fields(
                1000,
                30,
                580,
                8497,
                500000,
                500000,
                1632,
                0,
                2,
                1,
                323632,
                124763,
                -14,
                1770159563,
            )
        ),
        (1770159563, X, 19814936, 19118446),
        (0, 264763, 124763, -14, 1770159563),
        {0: (19814936, 6431797966)},
    ),
    (
        large(
            **pair_fields(
                1000,
                60,
                207,
                808,
                7500,
                100000,
                1385,
                0,
                1,
                1,
                40348,
                47799,
                11,
                1770046010,
            )
        ),
        (1770046216, Y, 7065141, 7057367),
        (1, 13260, 3260, 0, 1770046216),
        {1: (6763728394581, 7064425)},
    ),
    (
        large(
            **pair_fields(
                100, 10, 315, 1412, 0, 0, 2098, 0, 1, 1, 49011, 335130, 2, 1770443265
            )
        ),
        (1770443265, X, 22374219192, 22345652351),
        (-3, 0, 335130, 2, 1770443265),
        {
            -3: (3000019195, 3460575795),
            -2: (6464522580, 0),
            -1: (6458064515, 0),
            0: (6451612902, 0),
        },
    ),
    (
        small(
            **pair_fields(
                24730,
                10,
                420,
                8436,
                12176215,
                0,
                2389,
                0,
                1,
                0,
                101709,
                188017,
                -26,
                1770161150,
            )
        ),
        (1770161150, Y, 40233409, 40082547),
        (2, 0, 188017, -26, 1770161150),
        {1: (0, 33852327), 2: (27515684, 6281584)},
    ),
    (
        large(
            **pair_fields(
                10000,
                30,
                1030,
                952,
                0,
                100000,
                217,
                0,
                2,
                1,
                261078,
                303988,
                13,
                1770675798,
            )
        ),
        (1770675798, X, 23628138385, 23575437725),
        (-3, 100000, 303988, 13, 1770675798),
        {
            -3: (2250937387, 4207414845),
            -2: (6464522580, 0),
            -1: (6458064515, 0),
            0: (6451612902, 0),
        },
    ),
    (
        small(
            **pair_fields(
                32310,
                1,
                840,
                6073,
                13912320,
                0,
                1660,
                0,
                1,
                1,
                330232,
                256717,
                13,
                1770089224,
            )
        ),
        (1770089224, X, 91922058, 91533439),
        (-2, 0, 256717, 13, 1770089224),
        {-2: (27368671, 4944049), -1: (32290323, 0), 0: (32258064, 0)},
    ),
    (
        small(
            **pair_fields(
                1000,
                1,
                420,
                5799,
                7500,
                0,
                1512,
                1,
                0,
                0,
                220719,
                268287,
                27,
                1770386572,
            )
        ),
        (1770386992, X, 96491635, 96294299),
        (-2, 0, 0, 0, 1770386992),
        {-2: (31841760, 479893), -1: (32290323, 0), 0: (32258064, 0)},
    ),
    (
        large(),
        (1770995068, X, 21654660326, 21414953903),
        (-3, 30000, 0, 0, 1770995068),
        {
            -3: (277459328, 6174984290),
            -2: (6464522580, 0),
            -1: (6458064515, 0),
            0: (6451612902, 0),
        },
    ),
    (
        small(
            **pair_fields(
                25711,
                10,
                570,
                8669,
                15752309,
                500000,
                141,
                0,
                2,
                0,
                285380,
                331123,
                -21,
                1770242189,
            )
        ),
        (1770242199, Y, 55991699, 50320678),
        (2, 267395, 247395, 0, 1770242199),
        {1: (0, 33852327), 2: (17277553, 16540201)},
    ),
    (
        small(
            **pair_fields(
                1000,
                30,
                838,
                9395,
                10677659,
                100000,
                1422,
                0,
                0,
                0,
                101398,
                24199,
                10,
                1770391103,
            )
        ),
        (1770391940, Y, 66684879, 59925321),
        (2, 100000, 95263, 0, 1770391940),
        {1: (0, 33852327), 2: (7672910, 26164063)},
    ),
    (
        small(),
        (1770800051, Y, 58339639, 52429604),
        (2, 20000, 0, 0, 1770800051),
        {1: (0, 33852327), 2: (15168627, 18653347)},
    ),
]


@pytest.mark.parametrize(("pair", "swap", "state", "bins"), RECORDED)
def test_a_swap_pays_what_the_program_paid(pair, swap, state, bins):
    unix_timestamp, mint_in, amount_in, amount_out = swap
    assert (
        quote(pair, mint_in, amount_in, unix_timestamp=unix_timestamp).amount_out
        == amount_out
    )


@pytest.mark.parametrize(("pair", "swap", "state", "bins"), RECORDED)
def test_a_swap_leaves_the_state_that_the_program_left(pair, swap, state, bins):
    unix_timestamp, mint_in, amount_in, _ = swap
    at = snapshot(pair.accounts(), unix_timestamp=unix_timestamp)
    inner = swap_exact_in(pair.address, at, mint_in, amount_in).inner
    if inner.touches_limit_orders:
        with pytest.raises(QuoteRefused) as refused:
            apply_swap(pair.pair_data(), arrays_of(pair), inner, at.clock)
        assert refused.value.code == "unsupported"
        return
    data, arrays = apply_swap(pair.pair_data(), arrays_of(pair), inner, at.clock)
    after = decode_pair(data)
    assert state == (
        after.active_id,
        after.volatility_accumulator,
        after.volatility_reference,
        after.index_reference,
        after.last_update,
    )
    assert {bin_id: bin_after(pair, arrays, bin_id)[:2] for bin_id in bins} == bins


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
        amount: (fill.maker_out, fill.remaining_filled, fill.open_filled)
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


def test_a_token_program_that_the_pair_does_not_name_is_refused():
    pair = DlmmPair(
        {0: BinAmounts(y=10**6)}, tokens=(Token(X, TransferFees(50)), Token(Y))
    )
    accounts = pair.accounts()
    whole = accounts[pair.address]
    assert whole is not None
    data = bytearray(whole.data)
    data[880] = 0
    accounts[pair.address] = Account(METEORA, 1, bytes(data))
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pair.address, snapshot(accounts), X, 1_000)
    assert refused.value.code == "pool_unreadable"


def test_the_accounts_of_a_quote_are_named_step_by_step():
    bins = {70 * i: BinAmounts(x=10, y=10) for i in range(-8, 9)}
    pair = DlmmPair(bins, active_id=0)
    known: dict[Pubkey, Account | None] = {}
    chain = pair.accounts()
    rounds = []
    while new := [a for a in VENUE.addresses(pair.address, known) if a not in known]:
        rounds.append(new)
        known |= {address: chain.get(address) for address in new}
    assert [len(new) for new in rounds] == [1, 5, 9]
    assert set(rounds[2]) == {pair.array_address(index) for index in range(-4, 5)}
    assert VENUE.quote(pair.address, snapshot(known), X, 50).amount_out == 50
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pair.address, snapshot(known), X, 51)
    assert refused.value.code == "too_many_bins"
    for left_out in {a for new in rounds for a in new} - {
        pair.array_address(index) for index in range(1, 5)
    }:
        accounts = {key: value for key, value in known.items() if key != left_out}
        with pytest.raises(QuoteRefused) as refused:
            VENUE.quote(pair.address, snapshot(accounts), X, 50)
        assert refused.value.code == "accounts_missing"


@pytest.mark.parametrize("has_extension", [False, True])
def test_the_instruction_lists_its_accounts_as_the_program_reads_them(has_extension):
    bins = {i: BinAmounts(x=1_000, y=1_000) for i in (0, 69, 70, 141, 300, 500, -1)}
    pair = DlmmPair(
        bins,
        has_extension=has_extension,
        tokens=(Token(X), Token(Y, TransferFees(0))),
    )
    at = snapshot(pair.accounts())
    answer = VENUE.quote(pair.address, at, Y, 2_500)
    # Bins 0, 69 and 70 pay; the arrays of 141 and 300 are spare.
    assert answer.route_accounts == tuple(map(pair.array_address, (0, 1, 2, 4)))
    instruction = VENUE.swap_instruction(answer, at, user=USER, min_amount_out=2_400)
    assert instruction.program_id == METEORA
    assert instruction.data == bytes.fromhex("414b3f4ceb5b5b88") + struct.pack(
        "<QQI", 2_500, 2_400, 0
    )
    program_x, program_y = (token.program for token in pair.tokens)
    event_authority = Pubkey.from_string("D1ZN9Wj1fRSUQfCjhvnu1hqDMT7hzjzBBpi12nVniYD6")
    expected = [
        (pair.address, False, True),
        (pair.extension_address() if has_extension else METEORA, False, has_extension),
        (key("reserve x"), False, True),
        (key("reserve y"), False, True),
        (associated_token_address(USER, Y, program_y), False, True),
        (associated_token_address(USER, X, program_x), False, True),
        (X, False, False),
        (Y, False, False),
        (key("oracle"), False, True),
        (METEORA, False, False),
        (USER, True, False),
        (program_x, False, False),
        (program_y, False, False),
        (MEMO_PROGRAM, False, False),
        (event_authority, False, False),
        (METEORA, False, False),
        *((address, False, True) for address in answer.route_accounts),
    ]
    metas = [
        (meta.pubkey, meta.is_signer, meta.is_writable) for meta in instruction.accounts
    ]
    assert metas == expected


def test_a_quote_names_what_moves_and_what_it_costs():
    bins = {
        0: BinAmounts(y=10_000),
        -1: BinAmounts(y=10**6, price=ONE_Q64 * 9 // 10),
    }
    fees = (Token(X, TransferFees(100)), Token(Y, TransferFees(200)))
    pair = DlmmPair(bins, base_factor=10_000, tokens=fees)
    answer = quote(pair, X, 20_000)
    # 19,800 arrive. Bin 0 takes 10,011 for 10,000; bin -1 takes 9,789 for 9,779 * 0.9.
    assert (answer.vault_in_delta, answer.vault_out_delta) == (19_800, 10_000 + 8_801)
    assert answer.amount_out == 18_801 - 377
    assert (answer.fee_amount, answer.fee_mint, answer.fee_bps) == (21, X, 11)
    assert (
        answer.price_impact_bps == 494
    )  # 18,801 where 19,779 would be at bin 0's price
    assert (answer.vault_in, answer.vault_out) == (key("reserve x"), key("reserve y"))


@pytest.mark.parametrize(
    ("mode", "mint_in", "fee_in_x"),
    [(0, X, True), (0, Y, False), (1, X, False), (1, Y, False)],
)
def test_a_swap_writes_volatility_fees_and_bins_and_nothing_else(
    mode, mint_in, fee_in_x
):
    pair = DlmmPair(
        {0: BinAmounts(x=10**6, y=10**6, liquidity=3 << 64)},
        bin_step=100,
        base_factor=10_000,
        protocol_share=2_000,
        collect_fee_mode=mode,
        last_update=5,
    )
    at = snapshot(pair.accounts())
    swap = swap_exact_in(pair.address, at, mint_in, 10_000).inner
    before = pair.pair_data()
    after, arrays = apply_swap(before, arrays_of(pair), swap, at.clock)
    protocol_fees = struct.unpack_from("<2Q", after, 216)
    assert protocol_fees == ((20, 0) if fee_in_x else (0, 20))
    changed = {offset for offset in range(904) if before[offset] != after[offset]}
    assert changed <= {*range(40, 52), *range(216, 232)}  # the price did not move
    gross_out = 9_900 if (mode, mint_in) != (1, X) else 10_000
    net_in = 10_000 if (mode, mint_in) == (1, X) else 9_900
    x, y = (net_in, -gross_out) if mint_in == X else (-gross_out, net_in)
    per_liquidity = (80 << 64) // 3
    fees = (per_liquidity, 0) if fee_in_x else (0, per_liquidity)
    assert bin_after(pair, arrays, 0) == (10**6 + x, 10**6 + y, *fees)


def test_the_time_of_the_last_update_changes_only_with_the_active_bin():
    pair = DlmmPair({0: BinAmounts(y=1_000), -1: BinAmounts(y=1_000)}, last_update=5)
    at = snapshot(pair.accounts())
    updates = []
    for amount in (1_000, 1_001):
        swap = swap_exact_in(pair.address, at, X, amount).inner
        data, _ = apply_swap(pair.pair_data(), arrays_of(pair), swap, at.clock)
        updates.append((decode_pair(data).active_id, decode_pair(data).last_update))
    assert updates == [(0, 5), (-1, 1_800_000_000)]


def test_a_pair_that_pays_farming_rewards_is_not_written():
    pair = DlmmPair({0: BinAmounts(y=1_000)}, reward_mint=key("reward"))
    swap = swap_exact_in(pair.address, snapshot(pair.accounts()), X, 10).inner
    with pytest.raises(QuoteRefused) as refused:
        apply_swap(pair.pair_data(), arrays_of(pair), swap, Clock(1, 0, 1))
    assert refused.value.code == "unsupported"


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
        data, arrays = apply_swap(pair.pair_data(), arrays_of(pair), there, at.clock)
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
