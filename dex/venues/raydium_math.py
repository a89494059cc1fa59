"""The arithmetic of Raydium CPMM: constant product, trade fee and creator fee.

Source: raydium-io/raydium-cp-swap 609780f, `programs/cp-swap/src/curve/`. All amounts are
base units, all rates are parts per million.
"""

from __future__ import annotations

from typing import NamedTuple

from dex.errors import QuoteRefused

from .integers import ceil_div, fit_u64, fit_u128, overflow

RATE_DENOMINATOR = 1_000_000


class FeeRates(NamedTuple):
    """Rates of one swap; `creator` is zero when the pool's creator takes no fee."""

    trade: int
    protocol: int
    fund: int
    creator: int
    creator_on_input: bool


class CurveSwap(NamedTuple):
    """One swap on the curve, without transfer fees.

    `amount_in` arrives in the input vault and `amount_out` leaves the output vault.
    `curve_in` and `curve_out` are what the constant product saw: the input without its
    fees and the output with its creator fee. `protocol_fee` and `fund_fee` are parts of
    `trade_fee`, which is in the input token.
    """

    amount_in: int
    amount_out: int
    curve_in: int
    curve_out: int
    trade_fee: int
    protocol_fee: int
    fund_fee: int
    creator_fee: int
    creator_fee_on_input: bool


def compute_swap_base_input(
    amount_in: int, reserve_in: int, reserve_out: int, rates: FeeRates
) -> CurveSwap:
    """Swap exactly `amount_in`, which is what arrives after a transfer fee.

    Raises QuoteRefused where the program fails.
    """
    _check_reserves(reserve_in, reserve_out)
    if rates.creator_on_input:
        fee = _fee(amount_in, _checked_sum(rates))
        creator_fee = _creator_part(fee, rates)
        trade_fee = fee - creator_fee
    else:
        fee = trade_fee = _fee(amount_in, rates.trade)
        creator_fee = 0
    curve_in = amount_in - fee
    if curve_in < 0:
        raise overflow("the fee")
    curve_out = curve_in * reserve_out // (reserve_in + curve_in)
    if not rates.creator_on_input:
        creator_fee = _fee(curve_out, rates.creator)
    amount_out = curve_out if rates.creator_on_input else curve_out - creator_fee
    if amount_out <= 0:
        raise QuoteRefused(
            "zero_output", "The amount is too small: the pool would pay nothing for it."
        )
    return _swap(
        amount_in, amount_out, curve_in, curve_out, trade_fee, creator_fee, rates
    )


def compute_swap_base_output(
    amount_out: int, reserve_in: int, reserve_out: int, rates: FeeRates
) -> CurveSwap:
    """Swap for exactly `amount_out`, which is what leaves the vault before a transfer fee.

    Raises QuoteRefused where the program fails.
    """
    _check_reserves(reserve_in, reserve_out)
    curve_out = amount_out
    creator_fee = 0
    if not rates.creator_on_input:
        curve_out = _with_fee(amount_out, rates.creator)
        creator_fee = curve_out - amount_out
    if curve_out >= reserve_out:
        raise QuoteRefused(
            "no_liquidity", "The pool does not hold that much of the output token."
        )
    curve_in = ceil_div(reserve_in * curve_out, reserve_out - curve_out)
    if rates.creator_on_input:
        amount_in = _with_fee(curve_in, _checked_sum(rates))
        creator_fee = _creator_part(amount_in - curve_in, rates)
        trade_fee = amount_in - curve_in - creator_fee
    else:
        amount_in = _with_fee(curve_in, rates.trade)
        trade_fee = amount_in - curve_in
    if not amount_in:
        raise QuoteRefused("zero_output", "The amount is too small for this pool.")
    return _swap(
        amount_in, amount_out, curve_in, curve_out, trade_fee, creator_fee, rates
    )


def _swap(
    amount_in: int,
    amount_out: int,
    curve_in: int,
    curve_out: int,
    trade_fee: int,
    creator_fee: int,
    rates: FeeRates,
) -> CurveSwap:
    return CurveSwap(
        amount_in=fit_u64(amount_in, "the input"),
        amount_out=amount_out,
        curve_in=curve_in,
        curve_out=curve_out,
        trade_fee=trade_fee,
        protocol_fee=fit_u64(
            trade_fee * rates.protocol // RATE_DENOMINATOR, "the protocol fee"
        ),
        fund_fee=fit_u64(trade_fee * rates.fund // RATE_DENOMINATOR, "the fund fee"),
        creator_fee=creator_fee,
        creator_fee_on_input=rates.creator_on_input,
    )


def _check_reserves(reserve_in: int, reserve_out: int) -> None:
    # The program computes both prices before it swaps, and divides by each reserve.
    if reserve_in <= 0 or reserve_out <= 0:
        raise QuoteRefused("no_liquidity", "The pool is empty.")


def _checked_sum(rates: FeeRates) -> int:
    total = fit_u64(rates.trade + rates.creator, "the fee rate")
    if not total:  # the program divides by this sum to split the fee
        raise QuoteRefused(
            "math_overflow", "The program fails on a pool that charges no fee at all."
        )
    return total


def _creator_part(fee: int, rates: FeeRates) -> int:
    return fee * rates.creator // (rates.trade + rates.creator)


def _fee(amount: int, rate: int) -> int:
    return ceil_div(fit_u128(amount * rate, "the fee"), RATE_DENOMINATOR)


def _with_fee(amount: int, rate: int) -> int:
    """Return the smallest amount that leaves `amount` after a fee of `rate`."""
    if not rate:
        return amount
    if rate >= RATE_DENOMINATOR:
        raise overflow("an amount with a fee of all of it")
    return ceil_div(amount * RATE_DENOMINATOR, RATE_DENOMINATOR - rate)
