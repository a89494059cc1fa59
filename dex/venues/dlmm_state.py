"""What a DLMM swap writes into the pair and its bin arrays.

Which fields the program writes was compared with recorded states of the program itself.
The oracle account changes too, but no quote reads it: it is left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Clock

from .dlmm_layout import bin_offset, decode_pair
from .dlmm_math import BinFill
from .dlmm_swap import PairSwap
from .integers import fit_u64, fit_u128, overflow

_VOLATILITY = 40  # accumulator, reference, index reference
_LAST_UPDATE = 56
_ACTIVE_ID = 76
_PROTOCOL_FEES = 216  # X, then Y
_FEES_PER_LIQUIDITY = 80  # within a bin: X, then Y


def apply_swap(
    pair_data: bytes, arrays: Mapping[Pubkey, bytes], swap: PairSwap, clock: Clock
) -> tuple[bytes, dict[Pubkey, bytes]]:
    """Return the pair and its bin arrays after `swap`.

    Raises QuoteRefused `unsupported` when limit orders were filled or the pair pays
    farming rewards: the program then writes fields that no public source describes.
    """
    pair = decode_pair(pair_data)
    if swap.touches_limit_orders or pair.has_rewards:
        raise QuoteRefused(
            "unsupported",
            "The swap fills limit orders or pays farming rewards; its state is unknown.",
        )
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
    # The upper half of a Q64.64 number: its whole part.
    whole_liquidity = int.from_bytes(data[offset + 40 : offset + 48], "little")
    if not whole_liquidity:
        raise overflow("the fee per liquidity")
    gained = ((fill.fee - fill.protocol_fee) << 64) // whole_liquidity
    side = 0 if swap.fee_in_x else 1
    _add(data, offset + _FEES_PER_LIQUIDITY + 16 * side, 16, gained)


def _add(data: bytearray, offset: int, size: int, amount: int) -> None:
    value = int.from_bytes(data[offset : offset + size], "little") + amount
    checked = (
        fit_u64(value, "a balance")
        if size == 8
        else fit_u128(value, "the fee per liquidity")
    )
    data[offset : offset + size] = checked.to_bytes(size, "little")
