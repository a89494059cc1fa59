"""Which bin arrays of a DLMM pair hold liquidity, and which one a walk meets next.

Source: MeteoraAg/dlmm-sdk fb02e51, `commons/src/extensions/bin_array_bitmap.rs` and
`lb_pair.rs`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import program_address

from .dlmm_layout import PROGRAM_ID, Pair

EXTENSION_SIZE = 1_576
EXTENSION_DISCRIMINATOR = bytes.fromhex("506f7c7137ed1205")

_INTERNAL_MIN, _INTERNAL_MAX = -512, 511


class Bitmaps(NamedTuple):
    """Which bin arrays hold liquidity, as the pair and its extension say.

    Bit i of `internal` is array i - 512, of `positive` array 512 + i, of `negative`
    array -513 - i. The last two are None when the pair has no extension account.
    """

    internal: int
    positive: int | None = None
    negative: int | None = None

    def next_below(self, index: int) -> int | None:
        """Return the nearest array at or below `index`, None when the search ends."""
        if index > _INTERNAL_MAX:
            if self.positive is None:
                return None
            bits = self.positive & ((1 << (index - _INTERNAL_MAX)) - 1)
            if bits:
                return _INTERNAL_MAX + bits.bit_length()
            index = _INTERNAL_MAX
        if index >= _INTERNAL_MIN:
            if self.internal >> (index - _INTERNAL_MIN) & 1:
                return index
            bits = self.internal & ((1 << (index - _INTERNAL_MIN + 1)) - 1)
            if bits:
                return _INTERNAL_MIN - 1 + bits.bit_length()
            index = _INTERNAL_MIN - 1
        skipped = _INTERNAL_MIN - 1 - index
        bits = (self.negative or 0) >> skipped
        return index - _trailing_zeros(bits) if bits else None

    def next_above(self, index: int) -> int | None:
        """Return the nearest array at or above `index`, None when the search ends."""
        if index < _INTERNAL_MIN:
            if self.negative is None:
                return None
            bits = self.negative & ((1 << (_INTERNAL_MIN - index)) - 1)
            if bits:
                return _INTERNAL_MIN - bits.bit_length()
            index = _INTERNAL_MIN
        if index <= _INTERNAL_MAX:
            bits = self.internal >> (index - _INTERNAL_MIN)
            if bits & 1:
                return index
            if bits:
                return index + _trailing_zeros(bits)
            index = _INTERNAL_MAX + 1
        bits = (self.positive or 0) >> (index - _INTERNAL_MAX - 1)
        return index + _trailing_zeros(bits) if bits else None

    def nearest(self, index: int, *, below: bool, count: int) -> list[int]:
        """List up to `count` arrays from `index` on, in walking order."""
        found: list[int] = []
        at: int | None = index
        while at is not None and len(found) < count:
            at = self.next_below(at) if below else self.next_above(at)
            if at is not None:
                found.append(at)
                at += -1 if below else 1
        return found


def _trailing_zeros(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def decode_bitmaps(pair: Pair, extension: bytes | None) -> Bitmaps:
    """Join the pair's bitmap with its extension account, if there is one."""
    if extension is None:
        return Bitmaps(pair.bitmap)
    if len(extension) < EXTENSION_SIZE or extension[:8] != EXTENSION_DISCRIMINATOR:
        raise QuoteRefused(
            "pool_unreadable", "The pair's bitmap extension is malformed."
        )
    return Bitmaps(
        internal=pair.bitmap,
        positive=int.from_bytes(extension[40:808], "little"),
        negative=int.from_bytes(extension[808:1576], "little"),
    )


@lru_cache(maxsize=4_096)
def bitmap_extension_address(pair: Pubkey) -> Pubkey:
    """Derive the account of the bitmap extension, which most pairs do not have."""
    return program_address(PROGRAM_ID, b"bitmap", bytes(pair))
