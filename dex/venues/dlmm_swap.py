"""The walk of a DLMM swap from bin to bin.

Source: MeteoraAg/dlmm-sdk fb02e51, `commons/src/quote.rs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dex.errors import QuoteRefused
from dex.types import Clock

from .dlmm_bitmaps import Bitmaps
from .dlmm_layout import BINS_PER_ARRAY, Bin, Pair, bin_offset, decode_bin
from .dlmm_math import (
    BinFill,
    FillRules,
    accumulator_at,
    amounts_for_sale,
    base_fee_rate,
    fee_rate,
    fill_bin,
    references_at,
)
from .integers import fit_u64

MAX_BIN_ID = 443_636
# A filled bin costs about 5,500 compute units, and a transaction has 1.4 million.
MAX_BINS = 200
# More bin arrays do not fit into a transaction beside the other accounts.
MAX_BIN_ARRAYS = 8

_PERMISSION, _CUSTOMIZABLE_PERMISSIONLESS, _LAST_PAIR_TYPE = 1, 2, 3
_UNDETERMINED, _LIMIT_ORDERS = 0, 2
_INPUT_ONLY, _ONLY_Y = 0, 1


class PairSwap(NamedTuple):
    """One swap inside the pair, without transfer fees.

    `amount_in` arrives in the reserve and `amount_out` leaves it. `fee` is in X when
    `fee_in_x`, else in Y; `protocol_fee` is part of it. `fills` lists the bins that
    changed and `array_indices` the bin arrays that the program reads, both in walking
    order. The last four are the pair's state afterwards.
    """

    swap_for_y: bool
    amount_in: int
    amount_out: int
    fee: int
    fee_in_x: bool
    protocol_fee: int
    fills: tuple[BinFill, ...]
    array_indices: tuple[int, ...]
    active_id: int
    volatility_accumulator: int
    volatility_reference: int
    index_reference: int


def check_open(pair: Pair, clock: Clock) -> None:
    """Raise QuoteRefused unless anyone may swap: `pool_disabled`, `pool_not_open`.

    The one address that may swap before the activation counts as nobody.
    """
    if pair.status != 0:
        raise QuoteRefused("pool_disabled", "The pair is switched off.")
    if pair.pair_type > _LAST_PAIR_TYPE or pair.activation_type > 1:
        raise QuoteRefused("pool_unreadable", "The pair is of an unknown kind.")
    if pair.pair_type not in (_PERMISSION, _CUSTOMIZABLE_PERMISSIONLESS):
        return
    by_time = pair.activation_type == 1
    if (clock.unix_timestamp if by_time else clock.slot) < pair.activation_point:
        unit = "unix time" if by_time else "slot"
        raise QuoteRefused(
            "pool_not_open", f"The pair opens at {unit} {pair.activation_point}."
        )


def fills_limit_orders(pair: Pair) -> bool:
    """Say whether swaps fill the limit orders of this pair's bins."""
    if pair.function_type == _UNDETERMINED:
        return not pair.has_rewards
    return pair.function_type == _LIMIT_ORDERS


def takes_fee_on_input(pair: Pair, *, swap_for_y: bool) -> bool:
    """Say whether this direction pays its fee from the input; raises QuoteRefused."""
    if (
        pair.collect_fee_mode not in (_INPUT_ONLY, _ONLY_Y)
        or pair.function_type > _LIMIT_ORDERS
    ):
        raise QuoteRefused("pool_unreadable", "The pair is of an unknown kind.")
    return pair.collect_fee_mode == _INPUT_ONLY or not swap_for_y


def compute_swap(
    pair: Pair,
    bitmaps: Bitmaps,
    read_array: Callable[[int], bytes],
    *,
    amount_in: int,
    swap_for_y: bool,
    clock: Clock,
) -> PairSwap:
    """Swap exactly `amount_in`, which is what arrives after a transfer fee.

    `read_array` returns the account of a bin array by its index, or raises QuoteRefused.
    Raises QuoteRefused where the program fails, and `too_many_bins` where it would run
    out of compute units.
    """
    check_open(pair, clock)
    rules = FillRules(
        swap_for_y=swap_for_y,
        fee_on_input=takes_fee_on_input(pair, swap_for_y=swap_for_y),
        with_orders=fills_limit_orders(pair),
        protocol_share=pair.protocol_share,
    )
    walk = _Walk(pair, rules, amount_in, clock)
    while walk.left > 0:
        index = walk.next_array(bitmaps)
        walk.cross_array(index, read_array(index))
    amount_out = fee = protocol_fee = 0
    for fill in walk.fills:
        amount_out += fill.paid
        fee += fill.fee
        protocol_fee += fill.protocol_fee
    if amount_out <= 0:
        raise QuoteRefused(
            "zero_output", "The amount is too small: the pool would pay nothing for it."
        )
    return PairSwap(
        swap_for_y=swap_for_y,
        amount_in=amount_in,
        amount_out=fit_u64(amount_out, "the output"),
        fee=fee,
        fee_in_x=rules.fee_on_input and swap_for_y,
        protocol_fee=protocol_fee,
        fills=tuple(walk.fills),
        array_indices=tuple(walk.indices),
        active_id=walk.active_id,
        volatility_accumulator=walk.accumulator,
        volatility_reference=walk.reference,
        index_reference=walk.index_reference,
    )


class _Walk:
    """Where a swap stands on its way through the bins."""

    def __init__(
        self, pair: Pair, rules: FillRules, amount_in: int, clock: Clock
    ) -> None:
        self.pair = pair
        self.rules = rules
        self.left = amount_in
        self.active_id = pair.active_id
        self.accumulator = pair.volatility_accumulator
        self.reference, self.index_reference = references_at(pair, clock.unix_timestamp)
        self.base_rate = base_fee_rate(pair)
        self.fills: list[BinFill] = []
        self.indices: list[int] = []

    def next_array(self, bitmaps: Bitmaps) -> int:
        """Find the next bin array with liquidity; raises QuoteRefused at the end."""
        start = self.active_id // BINS_PER_ARRAY
        below = self.rules.swap_for_y
        index = bitmaps.next_below(start) if below else bitmaps.next_above(start)
        if index is None:
            raise _exhausted()
        if len(self.indices) >= MAX_BIN_ARRAYS:
            raise _too_many_bins()
        self.indices.append(index)
        return index

    def cross_array(self, index: int, data: bytes) -> None:
        """Swap in each bin of one array until nothing is left or the array ends."""
        first = index * BINS_PER_ARRAY
        last = first + BINS_PER_ARRAY - 1
        step = -1 if self.rules.swap_for_y else 1
        if not first <= self.active_id <= last:
            self.active_id = last if self.rules.swap_for_y else first
        while first <= self.active_id <= last:
            self._swap_in_bin(
                index, decode_bin(data, bin_offset(index, self.active_id))
            )
            if not self.left:
                return
            self.active_id += step
            if abs(self.active_id) > MAX_BIN_ID:
                raise _exhausted()

    def _swap_in_bin(self, index: int, bin: Bin) -> None:
        self.accumulator = accumulator_at(
            self.pair, self.active_id, self.reference, self.index_reference
        )
        for_sale = amounts_for_sale(bin, self.rules)
        if not any(for_sale):
            return
        if len(self.fills) >= MAX_BINS:
            raise _too_many_bins()
        fill = fill_bin(
            bin,
            for_sale,
            bin_id=self.active_id,
            array_index=index,
            left=self.left,
            rate=fee_rate(self.pair, self.base_rate, self.accumulator),
            rules=self.rules,
        )
        self.fills.append(fill)
        self.left -= fill.consumed


def _exhausted() -> QuoteRefused:
    return QuoteRefused(
        "no_liquidity",
        "The pool does not hold enough of the output token for this amount.",
    )


def _too_many_bins() -> QuoteRefused:
    return QuoteRefused(
        "too_many_bins",
        "The swap would cross more bins than one transaction can carry. Use a smaller amount.",
    )
