"""What a DLMM swap writes into the pair and its bin arrays.

The program's source is closed. What it writes follows from two sources. Recorded swaps of
the program show the pair's volatility, clock and active bin, and each bin's amounts and
orders. MeteoraAg/dlmm-sdk 20ad886 shows how the rest is read afterwards: the fee by
`split_fee` of `commons/src/quote.rs`, a limit order by `commons/src/extensions/limit_order.rs`.

A bin's limit orders live in two layers. `open` holds orders that no swap has met. The first
swap that meets them moves all of them to `processing`, with what it did not fill as
`remaining`, and makes the bin's age one higher: an order placed later has the new age and
waits in `open` until `remaining` is gone. `processing` itself stays until the next turn,
because an owner's unfilled part is `remaining / processing` of the order. What orders take
in stays in the reserve until their owners fetch it; it never becomes a bin's liquidity, so
a swap back finds only what market makers hold. Nine recorded swaps show this for orders
filled whole and in part; what a later swap does to `remaining`, the age and what orders
earn follow from the SDK alone.

The oracle account changes too, but no quote reads it: it is left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Clock

from .dlmm_layout import Pair, bin_offset, decode_pair
from .dlmm_math import BinFill
from .dlmm_swap import PairSwap
from .integers import U32_MAX, U64_MAX, U128_MAX, overflow

_VOLATILITY = 40  # accumulator, reference, index reference
_LAST_UPDATE = 56
_ACTIVE_ID = 76
_PROTOCOL_FEES = 216  # X, then Y
# Within a bin.
_FULFILLED_ORDERS = 48  # X of asks, then Y of bids: filled and not yet fetched
_ORDER_FEES = 64  # of asks, then of bids
_FEES_PER_LIQUIDITY = 80  # X, then Y
_OPEN_ORDERS, _PROCESSING_ORDERS, _REMAINING_ORDERS, _ORDER_AGE = 112, 120, 128, 136
_LIMITS = {4: U32_MAX, 8: U64_MAX, 16: U128_MAX}


def apply_swap(
    pair_data: bytes, arrays: Mapping[Pubkey, bytes], swap: PairSwap, clock: Clock
) -> tuple[bytes, dict[Pubkey, bytes]]:
    """Return the pair and its bin arrays after `swap`.

    What a later quote reads is exact for every swap; check_known_state says where other
    fields are not. Raises QuoteRefused `math_overflow` where the program does.
    """
    pair = decode_pair(pair_data)
    state = bytearray(pair_data)
    struct.pack_into(
        "<2Ii",
        state,
        _VOLATILITY,
        swap.volatility_accumulator,
        swap.volatility_reference,
        swap.index_reference,
    )
    if swap.active_id != pair.active_id:
        struct.pack_into("<q", state, _LAST_UPDATE, clock.unix_timestamp)
        struct.pack_into("<i", state, _ACTIVE_ID, swap.active_id)
    side = 0 if swap.fee_in_x else 1
    _add(state, _PROTOCOL_FEES + 8 * side, 8, swap.protocol_fee)
    return bytes(state), _write_bins(arrays, swap)


def check_known_state(pair: Pair, swap: PairSwap) -> None:
    """Raise QuoteRefused `unsupported` where what the program writes is not known.

    No record and no public source shows it on a pair that pays farming rewards (each swap
    moves them on), and when open orders take in less than buys one base unit of them (it
    may count them as begun or not). No quote depends on either.
    """
    if pair.has_rewards:
        raise _unknown_state("The pair pays farming rewards")
    if any(fill.open_in and not fill.open_out for fill in swap.fills):
        raise _unknown_state("The swap meets limit orders without filling any")


def _write_bins(arrays: Mapping[Pubkey, bytes], swap: PairSwap) -> dict[Pubkey, bytes]:
    by_index = {
        int.from_bytes(data[8:16], "little", signed=True): address
        for address, data in arrays.items()
    }
    changed: dict[Pubkey, bytearray] = {}
    for fill in swap.fills:
        address = by_index[fill.array_index]
        data = changed.setdefault(address, bytearray(arrays[address]))
        _write_bin(data, fill, swap)
    return {
        address: bytes(changed.get(address, data)) for address, data in arrays.items()
    }


def _write_bin(data: bytearray, fill: BinFill, swap: PairSwap) -> None:
    offset = bin_offset(fill.array_index, fill.bin_id)
    into, out_of = (0, 8) if swap.swap_for_y else (8, 0)
    _add(data, offset + into, 8, fill.maker_in)
    _add(data, offset + out_of, 8, -fill.maker_out)
    if fill.maker_in:
        # The upper half of a Q64.64 number: its whole part.
        whole_liquidity = int.from_bytes(data[offset + 40 : offset + 48], "little")
        if not whole_liquidity:
            raise overflow("the fee per liquidity")
        side = 0 if swap.fee_in_x else 1
        gained = (fill.maker_fee << 64) // whole_liquidity
        _add(data, offset + _FEES_PER_LIQUIDITY + 16 * side, 16, gained)
    if fill.orders_in:
        _write_orders(data, offset, fill, asks=not swap.swap_for_y)


def _write_orders(data: bytearray, offset: int, fill: BinFill, *, asks: bool) -> None:
    _add(data, offset + _REMAINING_ORDERS, 8, -fill.remaining_out)
    if fill.open_out:
        (opened,) = struct.unpack_from("<Q", data, offset + _OPEN_ORDERS)
        struct.pack_into(
            "<3Q", data, offset + _OPEN_ORDERS, 0, opened, opened - fill.open_out
        )
        _add(data, offset + _ORDER_AGE, 4, 1)
    side = 0 if asks else 8
    filled = fill.remaining_out + fill.open_out
    _add(data, offset + _FULFILLED_ORDERS + side, 8, filled)
    _add(data, offset + _ORDER_FEES + side, 8, fill.order_fee)


def _add(data: bytearray, offset: int, size: int, amount: int) -> None:
    value = int.from_bytes(data[offset : offset + size], "little") + amount
    if value > _LIMITS[size]:
        raise overflow("a balance or a fee")
    data[offset : offset + size] = value.to_bytes(size, "little")


def _unknown_state(why: str) -> QuoteRefused:
    return QuoteRefused("unsupported", f"{why}; what the swap leaves is not known.")
