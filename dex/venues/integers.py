"""Integer arithmetic as the programs do it: what does not fit its width fails."""

from __future__ import annotations

from dex.errors import QuoteRefused

U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
U128_MAX = 2**128 - 1


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide non-negative integers and round up."""
    return -(-numerator // denominator)


def round_div(numerator: int, denominator: int) -> int:
    """Divide non-negative integers and round half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def overflow(what: str) -> QuoteRefused:
    """Return the refusal for a number that the program could not hold."""
    return QuoteRefused(
        "math_overflow",
        f"The program cannot compute this swap: {what} exceeds the range of its integers. "
        "Use a smaller amount or another pool.",
    )


def fit_u64(value: int, what: str) -> int:
    """Return `value`; raises QuoteRefused `math_overflow` where a u64 would overflow."""
    if value > U64_MAX:
        raise overflow(what)
    return value


def fit_u128(value: int, what: str) -> int:
    """Return `value`; raises QuoteRefused `math_overflow` where a u128 would overflow."""
    if value > U128_MAX:
        raise overflow(what)
    return value


def price_impact_bps(spot_out: int, actual_out: int) -> int:
    """Return how far below the spot price a swap pays, in basis points, rounded up.

    So it is above a limit of whole basis points exactly when the impact is. `spot_out` is
    what the price before the swap would give for the same input, fees excluded, in whole
    base units: what is lost to a unit that cannot be divided is no impact. `actual_out`
    is what the pool gives.
    """
    if spot_out <= actual_out:
        return 0
    return ceil_div((spot_out - actual_out) * 10_000, spot_out)
