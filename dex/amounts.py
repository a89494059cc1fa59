"""Whole tokens at the edge, base units inside. No float on either side."""

from __future__ import annotations

from decimal import Decimal

U64_MAX = 2**64 - 1


def to_base_units(whole: Decimal, decimals: int) -> int:
    """Convert whole tokens to base units; ValueError when it needs more decimals."""
    # Integer arithmetic on the digits: a Decimal operation would round to the
    # context's 28 digits without a word.
    sign, digits, exponent = whole.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")
    value: int = int("".join(map(str, digits)) or "0")
    shift = exponent + decimals
    if shift >= 0:
        value *= int(10**shift)
    else:
        value, remainder = divmod(value, 10**-shift)
        if remainder:
            raise ValueError(f"more than {decimals} decimals")
    return -value if sign else value


def to_whole(base_units: int, decimals: int) -> str:
    """Write base units as whole tokens, without trailing zeros or exponent."""
    sign = "-" if base_units < 0 else ""
    digits = str(abs(base_units)).rjust(decimals + 1, "0")
    whole, fraction = (
        (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    )
    fraction = fraction.rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
