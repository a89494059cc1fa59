"""Meteora DLMM: what swaps do to limit orders, with recorded states of the program."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Snapshot
from dex.venues.dlmm_layout import decode_pair
from dex.venues.meteora import apply_swap, check_known_state, swap_exact_in

from .builders import snapshot
from .builders_dlmm import ONE_Q64, BinAmounts, DlmmPair
from .meteora_quotes import VENUE, X, Y

# Prices of bins 0 to -7 at bin step 10, as a real pair stores them.
PRICES = (
    18446744073709551616,
    18428315757951600016,
    18409905852099500515,
    18391514337761738776,
    18373141196565173602,
    18354786410155018583,
    18336449960194823759,
    18318131828366457301,
)


def recorded_bids(**changes) -> DlmmPair:
    """Return the bids of pair 9t3EyC9F… on mainnet: 10^9 beside the makers' Y of each bin."""
    bins = {
        -i: BinAmounts(
            y=6451612902,
            price=price,
            liquidity=6451612902 << 64,
            open_orders=10**9 if i else 0,
        )
        for i, price in enumerate(PRICES)
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


def fees(*values) -> dict[str, int]:
    names = (
        "base_factor filter_period decay_period reduction_factor variable_fee_control "
        "max_volatility_accumulator protocol_share base_fee_power function_type "
        "volatility_accumulator volatility_reference index_reference last_update"
    )
    return dict(zip(names.split(), values, strict=True))


FULL = {  # what each bin holds when it and its orders are bought out
    0: (6451612902, 0, 0, 0, 0),
    -1: (6458064515, 0, 0, 10**9, 0),
    -2: (6464522580, 0, 0, 10**9, 0),
    -3: (6470987102, 0, 0, 10**9, 0),
    -4: (6477458090, 0, 0, 10**9, 0),
    -5: (6483935548, 0, 0, 10**9, 0),
    -6: (6490419483, 0, 0, 10**9, 0),
}
# What the program itself did: pair, time, X in and Y out; then active bin, accumulator,
# reference, index and time of the last move; then of the last bin X, Y, and the orders
# that are open, in processing and remaining of these.
# fmt: off
RECORDED = [
    (recorded_bids(), (1770309806, 43520768939, 42974230019), (-5, 50000, 0, 0, 1770309806), (6483935548, 0, 0, 10**9, 299332159)),
    (recorded_bids(), (1770360217, 52306380748, 51617686579), (-7, 70000, 0, 0, 1770360217), (988345488, 5470158242, 10**9, 0, 0)),
    (recorded_bids(**fees(1000, 60, 905, 881, 0, 500000, 1488, 0, 2, 197491, 185439, 25, 1770226492)), (1770226492, 42579352566, 42469374508), (-5, 485439, 185439, 25, 1770226492), (6246697369, 236055538, 10**9, 0, 0)),
    (recorded_bids(**fees(4772, 1, 824, 441, 7500, 0, 1065, 0, 0, 328550, 118695, 30, 1770252711)), (1770252711, 40907682303, 40790810276), (-5, 0, 118695, 30, 1770252711), (4575027106, 1899392466, 10**9, 0, 0)),
]
# fmt: on


def orders_after(arrays: dict[Pubkey, bytes], pair: DlmmPair, bin_id: int):
    """Read X, Y, and the orders open, in processing and remaining of one bin."""
    data = arrays[pair.array_address(bin_id // 70)]
    at = 56 + 144 * (bin_id % 70)
    return struct.unpack_from("<2Q96x3Q", data, at)


def earned_after(arrays: dict[Pubkey, bytes], pair: DlmmPair, bin_id: int):
    """Read what orders X and Y were filled, the fees of asks and bids, and the age."""
    data = arrays[pair.array_address(bin_id // 70)]
    at = 56 + 144 * (bin_id % 70)
    return (*struct.unpack_from("<4Q", data, at + 48), data[at + 136])


@pytest.mark.parametrize(("pair", "swap", "state", "last"), RECORDED)
def test_a_swap_through_limit_orders_leaves_what_the_program_left(
    pair, swap, state, last
):
    unix_timestamp, amount_in, amount_out = swap
    at = snapshot(pair.accounts(), unix_timestamp=unix_timestamp)
    done = swap_exact_in(pair.address, at, X, amount_in)
    assert done.amount_out == amount_out

    data, arrays = apply_swap(pair.pair_data(), pair.arrays(), done.inner, at.clock)

    after = decode_pair(data)
    assert state == (
        after.active_id,
        after.volatility_accumulator,
        after.volatility_reference,
        after.index_reference,
        after.last_update,
    )
    expected = {i: FULL[i] for i in range(0, after.active_id, -1)}
    expected[after.active_id] = last
    assert {i: orders_after(arrays, pair, i) for i in expected} == expected


def test_orders_are_met_once_and_filled_on_by_later_swaps():
    bids = BinAmounts(y=100, open_orders=1_000, liquidity=100 << 64)
    pair = DlmmPair({0: bids}, function_type=2)
    states = []
    at = snapshot(pair.accounts())
    for amount in (100, 300, 250, 450):
        at = after(pair, at, X, amount)
        states.append((state(pair, at), ages(pair, at)))
    assert states == [
        ((100, 0, 1_000, 0, 0), (0, 0)),
        ((100, 0, 0, 1_000, 700), (300, 1)),
        ((100, 0, 0, 1_000, 450), (550, 1)),
        ((100, 0, 0, 1_000, 0), (1_000, 1)),
    ]


def test_orders_placed_meanwhile_wait_behind_the_remaining_ones():
    bids = BinAmounts(open_orders=500, processing_orders=1_000, remaining_orders=700)
    pair = DlmmPair({0: bids}, function_type=2)
    at = after(pair, snapshot(pair.accounts()), X, 650)
    assert (state(pair, at), ages(pair, at)) == ((0, 0, 500, 1_000, 50), (650, 0))
    at = after(pair, at, X, 150)
    assert (state(pair, at), ages(pair, at)) == ((0, 0, 0, 500, 400), (800, 1))


def test_what_orders_took_in_is_not_for_sale_to_a_swap_back():
    pair = DlmmPair(
        {0: BinAmounts(y=100, open_orders=1_000), 1: BinAmounts(x=40)}, function_type=2
    )
    at = after(pair, snapshot(pair.accounts()), X, 600)
    assert state(pair, at) == (100, 0, 0, 1_000, 500)
    at = after(pair, at, Y, 140)
    assert state(pair, at) == (0, 100, 0, 1_000, 500)
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pair.address, at, Y, 1)
    assert refused.value.code == "no_liquidity"
    assert VENUE.quote(pair.address, after(pair, at, X, 50), X, 500).amount_out == 500


@pytest.mark.parametrize(
    ("mode", "mint_in", "earned", "protocol_fees", "maker_fee"),
    [  # 1 % of 100,000. Of the makers' part 10 % is kept, of the orders' part a half.
        (0, X, (0, 69_000, 0, 348), (378, 0), 274),
        (1, X, (0, 70_000, 0, 350), (0, 380), 270),
        (0, Y, (69_000, 0, 348, 0), (0, 378), 274),
    ],
)
def test_makers_orders_and_protocol_share_the_fee(
    mode, mint_in, earned, protocol_fees, maker_fee
):
    asks = mint_in == Y
    sold = {"x": 30_000} if asks else {"y": 30_000}
    both = BinAmounts(**sold, open_orders=10**5, ask=asks, liquidity=1 << 64)
    pair = DlmmPair(
        {0: both},
        function_type=2,
        collect_fee_mode=mode,
        bin_step=100,
        base_factor=10_000,
        protocol_share=1_000,
    )
    at = after(pair, snapshot(pair.accounts()), mint_in, 10**5)
    arrays = {pair.array_address(0): account_data(at, pair.array_address(0))}
    assert earned_after(arrays, pair, 0) == (*earned, 1)
    pair_data = account_data(at, pair.address)
    assert struct.unpack_from("<2Q", pair_data, 216) == protocol_fees
    # Of one unit of liquidity, in X or Y; the other is zero.
    in_x, in_y = struct.unpack_from("<16s16s", arrays[pair.array_address(0)], 56 + 80)
    assert int.from_bytes(in_x if protocol_fees[0] else in_y, "little") == (
        maker_fee << 64
    )


def test_open_orders_met_without_filling_one_unit_leave_an_unknown_state():
    dear = BinAmounts(y=10, open_orders=10, price=ONE_Q64 // 4)
    pair = DlmmPair({0: dear}, function_type=2)
    at = snapshot(pair.accounts())
    for amount, amount_out in ((43, 10), (44, 11)):  # makers take 40 of it
        done = swap_exact_in(pair.address, at, X, amount)
        assert done.amount_out == amount_out
        if amount_out == 11:
            check_known_state(done.pair, done.inner)
            continue
        with pytest.raises(QuoteRefused) as refused:
            check_known_state(done.pair, done.inner)
        assert refused.value.code == "unsupported"
        assert VENUE.quote(pair.address, after(pair, at, X, amount), X, 40)


def after(pair: DlmmPair, at: Snapshot, mint_in: Pubkey, amount: int) -> Snapshot:
    quote = VENUE.quote(pair.address, at, mint_in, amount)
    return replace(at, accounts={**at.accounts, **VENUE.after_swap(quote, at)})


def account_data(at: Snapshot, address: Pubkey) -> bytes:
    account = at.accounts[address]
    assert account is not None
    return account.data


def state(pair: DlmmPair, at: Snapshot):
    address = pair.array_address(0)
    return orders_after({address: account_data(at, address)}, pair, 0)


def ages(pair: DlmmPair, at: Snapshot):
    """Return how many bids of bin 0 were filled, and the bin's age."""
    address = pair.array_address(0)
    _, filled, _, _, age = earned_after({address: account_data(at, address)}, pair, 0)
    return filled, age
