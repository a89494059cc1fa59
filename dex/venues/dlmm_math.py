"""The arithmetic of Meteora DLMM: dynamic fee and what one bin pays.

Source: MeteoraAg/dlmm-sdk fb02e51, `commons/src/extensions/{lb_pair,bin}.rs`. Amounts are
base units, prices Y per X in Q64.64, fee rates parts per billion.
"""

from __future__ import annotations

from typing import NamedTuple

from dex.errors import QuoteRefused

from .dlmm_layout import Bin, Pair
from .integers import U32_MAX, U64_MAX, U128_MAX, ceil_div, overflow

FEE_PRECISION = 1_000_000_000
MAX_FEE_RATE = 100_000_000
BASIS_POINT_MAX = 10_000
_VARIABLE_FEE_SCALE = 100_000_000_000
_LIMIT_ORDER_FEE_SHARE = 5_000  # basis points


class BinFill(NamedTuple):
    """What a swap does to one bin.

    `consumed` of the swap's input is used up, `paid` is what the swap gets of it. `fee` is
    in the token that pays fees; `protocol_fee`, `maker_fee` and `order_fee` are its parts.
    The bin's market makers take in `maker_in` and give `maker_out`; limit orders give
    `remaining_out` of those that an earlier swap began and `open_out` of the open ones.
    """

    bin_id: int
    array_index: int
    price: int
    consumed: int
    paid: int
    fee: int
    protocol_fee: int
    maker_fee: int
    order_fee: int
    maker_in: int
    maker_out: int
    remaining_in: int
    remaining_out: int
    open_in: int
    open_out: int

    @property
    def orders_in(self) -> int:
        """What limit orders take in."""
        return self.remaining_in + self.open_in

    @property
    def net_in(self) -> int:
        """The input that bought something: without the fee on the input."""
        return self.maker_in + self.orders_in

    @property
    def gross_out(self) -> int:
        """The output before a fee on the output."""
        return self.maker_out + self.remaining_out + self.open_out


def references_at(pair: Pair, unix_timestamp: int) -> tuple[int, int]:
    """Return volatility reference and index reference at the start of a swap.

    They change only when the last move of the price is at least the filter period ago.
    """
    elapsed = unix_timestamp - pair.last_update
    if elapsed < pair.filter_period:
        return pair.volatility_reference, pair.index_reference
    if elapsed >= pair.decay_period:
        return 0, pair.active_id
    product = pair.volatility_accumulator * pair.reduction_factor
    if product > U32_MAX:  # the program multiplies two u32
        raise overflow("the volatility")
    return product // BASIS_POINT_MAX, pair.active_id


def accumulator_at(
    pair: Pair, bin_id: int, reference: int, index_reference: int
) -> int:
    """Return the volatility accumulator while `bin_id` is the active bin."""
    volatility = reference + abs(index_reference - bin_id) * BASIS_POINT_MAX
    return min(volatility, pair.max_volatility_accumulator)


def base_fee_rate(pair: Pair) -> int:
    """Return the part of the fee rate that does not depend on volatility."""
    if pair.base_fee_power > 38:  # 10^39 does not fit a u128
        raise overflow("the base fee")
    rate: int = pair.base_factor * pair.bin_step * 10 * 10**pair.base_fee_power
    if rate > U128_MAX:
        raise overflow("the base fee")
    return rate


def fee_rate(pair: Pair, base_rate: int, accumulator: int) -> int:
    """Return the fee rate at a volatility accumulator, capped at 10 %."""
    rate = base_rate
    if pair.variable_fee_control:
        square = (accumulator * pair.bin_step) ** 2
        scaled = pair.variable_fee_control * square + _VARIABLE_FEE_SCALE - 1
        if scaled > U128_MAX:
            raise overflow("the variable fee")
        rate += scaled // _VARIABLE_FEE_SCALE
        if rate > U128_MAX:
            raise overflow("the fee rate")
    return min(rate, MAX_FEE_RATE)


class FillRules(NamedTuple):
    """What holds for every bin of one swap."""

    swap_for_y: bool
    fee_on_input: bool
    with_orders: bool
    protocol_share: int


def amounts_for_sale(bin: Bin, rules: FillRules) -> tuple[int, int, int]:
    """Return what a bin pays in the order in which it pays it.

    That is the market makers' amount, what is left of the limit orders that an earlier
    swap began to fill, and the open limit orders; the orders only when they face this
    direction.
    """
    maker = bin.amount_y if rules.swap_for_y else bin.amount_x
    if rules.with_orders and bin.ask != rules.swap_for_y:
        return maker, bin.remaining_orders, bin.open_orders
    return maker, 0, 0


def fill_bin(
    bin: Bin,
    for_sale: tuple[int, int, int],
    *,
    bin_id: int,
    array_index: int,
    left: int,
    rate: int,
    rules: FillRules,
) -> BinFill:
    """Swap up to `left` for what one bin has `for_sale` (see amounts_for_sale).

    Raises QuoteRefused where the program fails.
    """
    price, swap_for_y = bin.price, rules.swap_for_y
    if not price:
        raise QuoteRefused(
            "pool_unreadable", f"Bin {bin_id} has liquidity but no price."
        )
    maker, remaining, opened = for_sale
    fee = ceil_div(left * rate, FEE_PRECISION) if rules.fee_on_input else 0
    net = left - fee
    maker_in, maker_out = _fill_layer(net, maker, price, swap_for_y)
    rest = net - maker_in
    # Limit orders are priced, and may fail, only when something is left for them.
    remaining_in, remaining_out = _fill_layer(
        rest, remaining if rest else 0, price, swap_for_y
    )
    rest -= remaining_in
    open_in, open_out = _fill_layer(rest, opened if rest else 0, price, swap_for_y)
    rest -= open_in
    consumed, paid = left, maker_out + remaining_out + open_out
    if rest:
        # The bin is drained: the fee is charged on what it took, not on what was left.
        consumed = net - rest
        if rules.fee_on_input:
            fee = ceil_div(consumed * rate, FEE_PRECISION - rate)
            consumed += fee
    if not rules.fee_on_input:
        fee = ceil_div(paid * rate, FEE_PRECISION)
        paid -= fee
    balance = (bin.amount_x if swap_for_y else bin.amount_y) + maker_in
    if balance > U64_MAX or consumed > left:
        raise overflow("the amount in a bin")
    maker_fee, order_fee, protocol_fee = _split_fee(
        fee, maker_in, remaining_in + open_in, rules.protocol_share
    )
    return BinFill(
        bin_id,
        array_index,
        price,
        consumed,
        paid,
        fee,
        protocol_fee,
        maker_fee,
        order_fee,
        maker_in,
        maker_out,
        remaining_in,
        remaining_out,
        open_in,
        open_out,
    )


def _split_fee(
    fee: int, maker_in: int, orders_in: int, protocol_share: int
) -> tuple[int, int, int]:
    """Return what market makers, the owners of orders, and the protocol get of a fee.

    Makers and orders earn by what they took in. The protocol keeps its share of the
    makers' part and half of the orders' part. A fee that bought nothing goes to nobody.
    Source: `split_fee` of `commons/src/quote.rs` at 20ad886.
    """
    if not orders_in:
        kept = fee * protocol_share // BASIS_POINT_MAX
        return (fee - kept, 0, kept) if maker_in else (0, 0, 0)
    makers = ceil_div(fee * maker_in, maker_in + orders_in)
    order_fee = (fee - makers) * _LIMIT_ORDER_FEE_SHARE // BASIS_POINT_MAX
    maker_fee = makers - makers * protocol_share // BASIS_POINT_MAX
    return maker_fee, order_fee, fee - maker_fee - order_fee


def _fill_layer(
    amount: int, maximum: int, price: int, swap_for_y: bool
) -> tuple[int, int]:
    """Buy up to `maximum` at one price: return the input used and the output.

    The price of all of it must fit a u64, whatever `amount` is. Source:
    `calculate_exact_in_fill_amount` of `commons/src/quote.rs`.
    """
    if not maximum:
        return 0, 0
    if swap_for_y:
        needed = ceil_div(maximum << 64, price)
    else:
        needed = ceil_div(maximum * price, 1 << 64)
    if needed > U64_MAX:
        raise overflow("the price of a bin")
    if amount >= needed:
        return needed, maximum
    if swap_for_y:
        return amount, amount * price >> 64
    return amount, (amount << 64) // price
