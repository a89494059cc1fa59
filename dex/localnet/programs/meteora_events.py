"""What a DLMM swap tells the world: the event `Swap`, and its successor `Swap2Evt`.

The program sends itself both at every swap, the first before the tokens move and the
second after. Fields: MeteoraAg/dlmm-sdk, `idls/dlmm.json` 0.12. `fee_bps` is the fee rate
in parts per billion of the last bin, whatever its name says, and `amount_in` is what left
the trader, with a transfer fee of its mint.
"""

from __future__ import annotations

import hashlib
import struct

from solders.pubkey import Pubkey

from dex.venues import meteora
from dex.venues.dlmm_layout import BINS_PER_ARRAY
from dex.venues.dlmm_math import base_fee_rate, fee_rate


def _discriminator(name: str) -> bytes:
    return hashlib.sha256(f"event:{name}".encode()).digest()[:8]


SWAP, SWAP2 = _discriminator("Swap"), _discriminator("Swap2Evt")
NO_HOST_FEE = 0


def encode_swap(pair: Pubkey, user: Pubkey, swap: meteora.PoolSwap) -> bytes:
    """Encode `Swap` of a swap by `user`."""
    inner = swap.inner
    return SWAP + struct.pack(
        "<32s32siiQQ?QQ16sQ",
        bytes(pair),
        bytes(user),
        _start_bin_id(swap),
        inner.active_id,
        swap.amount_in,
        inner.amount_out,
        inner.swap_for_y,
        inner.fee,
        inner.protocol_fee,
        _fee_rate(swap),
        NO_HOST_FEE,
    )


def encode_swap2(pair: Pubkey, user: Pubkey, swap: meteora.PoolSwap) -> bytes:
    """Encode `Swap2Evt` of a swap by `user`."""
    inner = swap.inner
    fee_on_input = inner.fee_in_x == inner.swap_for_y
    return SWAP2 + struct.pack(
        "<32s32sii?16sQQQQQQQ??",
        bytes(pair),
        bytes(user),
        _start_bin_id(swap),
        inner.active_id,
        inner.swap_for_y,
        _fee_rate(swap),
        swap.amount_in,
        0,  # of an exact input nothing is left
        inner.amount_out,
        sum(fill.maker_fee for fill in inner.fills),
        inner.protocol_fee,
        sum(fill.order_fee for fill in inner.fills),
        NO_HOST_FEE,
        fee_on_input,
        inner.fee_in_x,
    )


def _start_bin_id(swap: meteora.PoolSwap) -> int:
    """Return the first bin, behind a gap between it and the active bin's array."""
    active_id, first = swap.pair.active_id, swap.inner.array_indices[0]
    if active_id // BINS_PER_ARRAY == first:
        return active_id
    return first * BINS_PER_ARRAY + (BINS_PER_ARRAY - 1) * swap.inner.swap_for_y


def _fee_rate(swap: meteora.PoolSwap) -> bytes:
    pair = swap.pair
    rate = fee_rate(pair, base_fee_rate(pair), swap.inner.volatility_accumulator)
    return rate.to_bytes(16, "little")
