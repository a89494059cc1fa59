from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dex.amounts import U64_MAX, to_base_units, to_whole


@pytest.mark.parametrize(
    ("whole", "decimals", "base_units"),
    [
        ("1", 9, 1_000_000_000),
        ("0.000000001", 9, 1),
        ("1.50", 1, 15),
        ("100", 0, 100),
        ("1E+3", 2, 100_000),
        ("-2.5", 1, -25),
        ("0", 6, 0),
        ("18446744073.709551615", 9, U64_MAX),
        # More digits than a Decimal operation would keep.
        (
            "123456789012345678901234567890.123456789",
            9,
            123456789012345678901234567890123456789,
        ),
    ],
)
def test_whole_tokens_become_exact_base_units(
    whole: str, decimals: int, base_units: int
):
    assert to_base_units(Decimal(whole), decimals) == base_units


@pytest.mark.parametrize(("whole", "decimals"), [("0.1", 0), ("1.0000001", 6)])
def test_more_decimals_than_the_token_has_are_refused(whole: str, decimals: int):
    with pytest.raises(ValueError, match=f"more than {decimals} decimals"):
        to_base_units(Decimal(whole), decimals)


@pytest.mark.parametrize("whole", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_no_number_is_refused(whole: str):
    with pytest.raises(ValueError, match="not a finite number"):
        to_base_units(Decimal(whole), 6)


@pytest.mark.parametrize(
    ("base_units", "decimals", "whole"),
    [
        (0, 9, "0"),
        (1, 9, "0.000000001"),
        (1_500_000_000, 9, "1.5"),
        (1_000_000_000, 9, "1"),
        (100, 0, "100"),
        (-25, 1, "-2.5"),
        (U64_MAX, 9, "18446744073.709551615"),
    ],
)
def test_base_units_are_written_without_zeros_or_exponent(
    base_units: int, decimals: int, whole: str
):
    assert to_whole(base_units, decimals) == whole


@given(st.integers(min_value=-(2**80), max_value=2**80), st.integers(0, 18))
def test_writing_and_reading_an_amount_gives_the_same(base_units: int, decimals: int):
    assert (
        to_base_units(Decimal(to_whole(base_units, decimals)), decimals) == base_units
    )
