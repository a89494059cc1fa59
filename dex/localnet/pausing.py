"""Switch swaps of a pool off and on, in the pool's own status byte."""

from __future__ import annotations

from dataclasses import replace

from dex.types import Account

# CPMM: one bit of the pool's status; DLMM: the pair's status as a whole.
RAYDIUM_STATUS, RAYDIUM_SWAP_OFF = 329, 0b100
METEORA_STATUS, METEORA_DISABLED = 82, 1


def switched(
    pool: Account | None, *, first: bytes, venue: str, paused: bool
) -> Account:
    """Return a pool with swaps off, or as they were in its `first` bytes."""
    assert pool is not None, "pools are never closed"
    data = bytearray(pool.data)
    if venue == "raydium":
        status = first[RAYDIUM_STATUS]
        data[RAYDIUM_STATUS] = status | (RAYDIUM_SWAP_OFF if paused else 0)
    else:
        status = first[METEORA_STATUS]
        data[METEORA_STATUS] = METEORA_DISABLED if paused else status
    return replace(pool, data=bytes(data))
