"""Random DLMM pairs as the program lets people make them.

Y lies in and below the active bin, X in and above it; bids below and asks above. Prices
are those of the bins' ids.
"""

from __future__ import annotations

from hypothesis import strategies as st

from dex.venues.dlmm_price import bin_price

from .builders import Token, TransferFees, key
from .builders_dlmm import BinAmounts, DlmmPair

X, Y = key("token x"), key("token y")
NOW = 1_800_000_000
REACH = 150  # bins to both sides: up to five bin arrays, with gaps
AMOUNTS = st.one_of(st.integers(0, 10**4), st.integers(10**6, 10**13))
TRANSFER_FEES = st.none() | st.builds(
    TransferFees, st.integers(0, 500), st.integers(0, 10**7)
)


@st.composite
def dlmm_pairs(
    draw: st.DrawFn, *, with_transfer_fees: bool = False, settled: bool = False
) -> DlmmPair:
    """Draw a pair; the price of a `settled` one has not moved for the filter period."""
    bin_step = draw(st.sampled_from([1, 10, 100, 400]))
    active_id = draw(st.sampled_from([-700, -70, -1, 0, 35, 700]))
    distances = draw(st.sets(st.integers(-REACH, REACH), min_size=1, max_size=12))
    filter_period = draw(st.integers(1, 60))
    decay_period = filter_period + draw(st.integers(1, 600))
    elapsed = draw(st.integers(filter_period if settled else 0, 700))
    fees = draw(TRANSFER_FEES), draw(TRANSFER_FEES)
    return DlmmPair(
        {
            active_id + distance: draw(
                bins(bin_price(bin_step, active_id + distance), distance)
            )
            for distance in {0, *distances}
        },
        active_id=active_id,
        bin_step=bin_step,
        base_factor=draw(st.integers(1, 20_000)),
        variable_fee_control=draw(st.sampled_from([0, 7_500, 40_000, 2_000_000])),
        max_volatility_accumulator=draw(st.integers(0, 500_000)),
        protocol_share=draw(st.integers(0, 2_500)),
        function_type=2,
        collect_fee_mode=draw(st.integers(0, 1)),
        filter_period=filter_period,
        decay_period=decay_period,
        reduction_factor=draw(st.integers(0, 10_000)),
        volatility_accumulator=draw(st.integers(0, 300_000)),
        volatility_reference=draw(st.integers(0, 100_000)),
        index_reference=active_id + draw(st.integers(-20, 20)),
        last_update=NOW - elapsed,
        tokens=(
            Token(X, fees[0] if with_transfer_fees else None),
            Token(Y, fees[1] if with_transfer_fees else None),
        ),
    )


@st.composite
def bins(draw: st.DrawFn, price: int, distance: int) -> BinAmounts:
    """Draw one bin so many bins from the active one."""
    x = draw(AMOUNTS) if distance >= 0 else 0
    y = draw(AMOUNTS) if distance <= 0 else 0
    begun = draw(st.integers(0, 10**6))
    return BinAmounts(
        x=x,
        y=y,
        price=price,
        liquidity=min(price * x + (y + 10**6 << 64), 2**128 - 1),
        open_orders=draw(st.integers(0, 10**6)),
        processing_orders=begun,
        remaining_orders=draw(st.integers(0, begun)),
        ask=distance > 0,
    )
