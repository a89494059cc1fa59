"""What a DLMM bin's place says of its price, and what a swap does to it.

Source: MeteoraAg/dlmm-sdk fb02e51, `commons/src/math/{price_math,u64x64_math}.rs`.
"""

from __future__ import annotations

from functools import lru_cache

from .dlmm_layout import Pair
from .dlmm_swap import PairSwap
from .integers import U128_MAX, overflow, price_impact_bps

ONE_Q64 = 1 << 64


@lru_cache(maxsize=8_192)
def bin_price(bin_step: int, bin_id: int) -> int:
    """Return (1 + bin_step / 10,000) ^ bin_id in Q64.64, rounded as the program does.

    0 where it is less than that can show. Raises QuoteRefused where it fits no u128.
    """
    if not bin_id:
        return ONE_Q64
    square = ONE_Q64 + (bin_step << 64) // 10_000
    invert = bin_id < 0
    if square >= ONE_Q64:
        square = U128_MAX // square
        invert = not invert
    result, exponent = ONE_Q64, abs(bin_id)
    while exponent:
        if exponent & 1:
            result = result * square >> 64
        square = square * square >> 64
        exponent >>= 1
    if not invert:
        return result
    if not result:
        raise overflow("the price")
    return U128_MAX // result


def spot_price(pair: Pair) -> int:
    """Return the price of the active bin; raises QuoteRefused where none can be told."""
    price = bin_price(pair.bin_step, pair.active_id)
    if not price:
        raise overflow("the price")
    return price


def swap_impact_bps(pair: Pair, swap: PairSwap) -> int:
    """Return how far below the price of the active bin a swap pays, fees excluded.

    In basis points, rounded up. Bins without liquidity on the way count: the price before
    the swap is that of the active bin, whether or not it can pay. Raises QuoteRefused.
    """
    price = spot_price(pair)
    net_in = gross_out = 0
    for fill in swap.fills:
        net_in += fill.net_in
        gross_out += fill.gross_out
    spot_out = net_in * price >> 64 if swap.swap_for_y else (net_in << 64) // price
    return price_impact_bps(spot_out, gross_out)
