"""Meteora DLMM: what holds for every pair, with limit orders and fees of any kind.

The program rounds what a bin takes up, each fee up and each output down. So all of this
holds to the base unit but for one comparison, which says how much rounding it allows.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from solders.pubkey import Pubkey

from dex.venues.dlmm_price import bin_price
from dex.venues.meteora import MeteoraDlmm, swap_exact_in

from .builders import snapshot
from .builders_dlmm import BinAmounts, DlmmPair
from .dlmm_pairs import NOW, X, Y, dlmm_pairs
from .properties import EACH_LENGTH, Trader, for_all

BOTH = ((X, Y), (Y, X))
AMOUNTS = st.one_of(st.integers(1, 10**4), st.integers(10**6, 10**13))


def trader(pair: DlmmPair) -> Trader:
    at = snapshot(pair.accounts(), unix_timestamp=NOW)
    return Trader(MeteoraDlmm(), pair.address, at)


def for_sale(pair: DlmmPair, mint_out: Pubkey) -> int:
    """Return all that makers and orders of a pair sell of one token."""
    total = 0
    for amounts in pair.bins.values():
        total += amounts.x if mint_out == X else amounts.y
        if amounts.ask == (mint_out == X):
            total += amounts.open_orders + amounts.remaining_orders
    return total


@EACH_LENGTH
def test_more_input_never_pays_less(examples):
    pairs = dlmm_pairs(with_transfer_fees=True)

    @for_all(examples, pair=pairs, less=AMOUNTS, more=AMOUNTS)
    def check(pair, less, more):
        less, more = sorted((less, more))
        for mint_in, _ in BOTH:
            larger = trader(pair).quote(mint_in, more)
            if larger is not None:
                assert trader(pair).amount_out(mint_in, less) <= larger.amount_out


@EACH_LENGTH
def test_output_never_exceeds_what_is_for_sale(examples):
    @for_all(examples, pair=dlmm_pairs(with_transfer_fees=True), amount=AMOUNTS)
    def check(pair, amount):
        for mint_in, mint_out in BOTH:
            quote = trader(pair).quote(mint_in, amount)
            assert quote is None or quote.vault_out_delta <= for_sale(pair, mint_out)
        drained = replace(pair, reserves=(7, 7))
        for mint_in, _ in BOTH:
            assert trader(drained).amount_out(mint_in, amount) <= 7


@EACH_LENGTH
def test_a_higher_fee_or_a_worse_price_never_pays_more(examples):
    @for_all(
        examples,
        pair=dlmm_pairs(with_transfer_fees=True),
        amount=AMOUNTS,
        fee=st.integers(0, 20_000),
        bins_off=st.integers(0, 300),
    )
    def check(pair, amount, fee, bins_off):
        dearer = replace(pair, base_factor=pair.base_factor + fee)
        for mint_in, _ in BOTH:
            offered = trader(pair).amount_out(mint_in, amount)
            if trader(pair).quote(mint_in, amount) is None:
                continue
            assert trader(dearer).amount_out(mint_in, amount) <= offered
            moved = with_prices(pair, -bins_off if mint_in == X else bins_off)
            assert trader(moved).amount_out(mint_in, amount) <= offered


def with_prices(pair: DlmmPair, bins_off: int) -> DlmmPair:
    """Give each bin the price of the bin so far away."""
    prices = {i: bin_price(pair.bin_step, i + bins_off) for i in pair.bins}
    bins = {i: replace(bin, price=prices[i]) for i, bin in pair.bins.items()}
    return replace(pair, bins=bins)


@EACH_LENGTH
def test_a_pair_with_less_for_sale_never_pays_more_than_rounding_allows(examples):
    """Where the fee does not fall on the way: on a pair whose price rested.

    Less in one bin moves the swap on to worse bins, but a swap that crosses fewer bins
    is rounded fewer times. In each bin the better pair may lose, by rounding up what its
    three layers take and its fee, less than five units of input, worth no more than the
    first price; and less than two units of output.
    """

    @for_all(
        examples,
        pair=dlmm_pairs(settled=True),
        amount=AMOUNTS,
        kept=st.lists(st.integers(0, 100), min_size=13, max_size=13),
    )
    def check(pair, amount, kept):
        less = {
            bin_id: with_part(bin, percent)
            for (bin_id, bin), percent in zip(pair.bins.items(), kept, strict=False)
        }
        for mint_in, _ in BOTH:
            quote = trader(pair).quote(mint_in, amount)
            if quote is None:
                continue
            offered = swap_exact_in(pair.address, trader(pair).at, mint_in, amount)
            fills = offered.inner.fills
            best = fills[0].price
            worth = best >> 64 if mint_in == X else (1 << 64) // best
            allowed = len(fills) * (5 * (worth + 1) + 2)
            worse = trader(replace(pair, bins=less)).amount_out(mint_in, amount)
            assert worse <= quote.amount_out + allowed


def with_part(bin: BinAmounts, percent: int) -> BinAmounts:
    return replace(
        bin,
        x=bin.x * percent // 100,
        y=bin.y * percent // 100,
        open_orders=bin.open_orders * percent // 100,
        remaining_orders=bin.remaining_orders * percent // 100,
    )


@EACH_LENGTH
def test_a_round_trip_never_gains(examples):
    @for_all(examples, pair=dlmm_pairs(with_transfer_fees=True), amount=AMOUNTS)
    def check(pair, amount):
        for mint_in, mint_out in BOTH:
            there = trader(pair).quote(mint_in, amount)
            later = there and trader(pair).after(there)
            if there and later:
                assert later.amount_out(mint_out, there.amount_out) <= amount


@EACH_LENGTH
def test_an_order_split_in_two_never_gains_while_the_volatility_rests(examples):
    """Only the reference at the start of a swap must be the same for both halves.

    See the next test for the one way in which it is not.
    """

    @for_all(
        examples,
        pair=dlmm_pairs(with_transfer_fees=True),
        first=AMOUNTS,
        second=AMOUNTS,
    )
    def check(pair, first, second):
        for mint_in, _ in BOTH:
            whole = trader(pair).quote(mint_in, first + second)
            part = trader(pair).quote(mint_in, first)
            later = part and trader(pair).after(part)
            if not (whole and part and later) or decays_again(pair, mint_in, first):
                continue
            rest = later.amount_out(mint_in, second)
            assert part.amount_out + rest <= whole.amount_out


def decays_again(pair: DlmmPair, mint_in: Pubkey, amount: int) -> bool:
    """Say whether the volatility falls once more for a swap right after this one."""
    inner = swap_exact_in(pair.address, trader(pair).at, mint_in, amount).inner
    elapsed = NOW - pair.last_update
    decaying = pair.filter_period <= elapsed < pair.decay_period
    return decaying and inner.active_id == pair.active_id


def test_splitting_pays_where_the_first_part_lets_the_volatility_decay_once_more():
    """The program's own doing: it notes the time only when the active bin moves."""
    pair = DlmmPair(
        {0: BinAmounts(y=10**12)},
        bin_step=100,
        base_factor=100,
        variable_fee_control=40_000,
        volatility_accumulator=300_000,
        last_update=NOW - 60,
    )
    whole = trader(pair).quote(X, 2_000_000)
    part = trader(pair).quote(X, 1_000_000)
    assert whole is not None
    assert part is not None
    later = trader(pair).after(part)
    assert later is not None
    assert decays_again(pair, X, 1_000_000)
    rest = later.amount_out(X, 1_000_000)
    # 9 % and 0.01 % of the whole and of its first half, then 2.25 % and 0.01 %.
    assert (whole.amount_out, part.amount_out, rest) == (1_819_800, 909_900, 977_400)
