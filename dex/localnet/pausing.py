"""Switch swaps of a pool off and on, in the pool's own status byte."""

from __future__ import annotations

# CPMM: one bit of the pool's status; DLMM: the pair's status as a whole.
RAYDIUM_STATUS, RAYDIUM_SWAP_OFF = 329, 0b100
METEORA_STATUS, METEORA_DISABLED = 82, 1


def with_status(data: bytes, first: bytes, venue: str, *, paused: bool) -> bytes:
    """Return a pool's bytes with swaps off, or as they were in its `first` bytes."""
    changed = bytearray(data)
    if venue == "raydium":
        status = first[RAYDIUM_STATUS]
        changed[RAYDIUM_STATUS] = status | (RAYDIUM_SWAP_OFF if paused else 0)
    else:
        status = first[METEORA_STATUS]
        changed[METEORA_STATUS] = METEORA_DISABLED if paused else status
    return bytes(changed)
