"""The accounts of a Raydium CPMM pool: its state, its fee tier, and what a swap writes.

Source: raydium-io/raydium-cp-swap 609780f, `states/pool.rs` and `states/config.rs`. All
offsets count the 8 bytes of the account discriminator.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused

from .integers import fit_u64
from .raydium_math import CurveSwap, FeeRates

PROGRAM_ID = Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")

POOL_SIZE = 637
POOL_DISCRIMINATOR = bytes.fromhex("f7ede3f5d7c3de46")
CONFIG_SIZE = 236
CONFIG_DISCRIMINATOR = bytes.fromhex("daf42168cbcb2b6f")
SWAP_DISABLED = 0b100

_KEYS_END = 328
_FEES = 341  # protocol, fund of tokens 0 and 1; open time; recent epoch
_RECENT_EPOCH = 381
_CREATOR_FEE_ON = 389
_ENABLE_CREATOR_FEE = 390
_CREATOR_FEES = 397


class PoolState(NamedTuple):
    """A decoded pool. `accrued_fees` of each token lie in its vault but are not reserves."""

    config: Pubkey
    vaults: tuple[Pubkey, Pubkey]
    mints: tuple[Pubkey, Pubkey]
    token_programs: tuple[Pubkey, Pubkey]
    observation: Pubkey
    status: int
    open_time: int
    creator_fee_on: int
    creator_fee_enabled: bool
    accrued_fees: tuple[int, int]

    def creator_fee_on_input(self, *, zero_for_one: bool) -> bool:
        """Say whether the creator's fee is taken from the input of this direction."""
        return self.creator_fee_on == 0 or (self.creator_fee_on == 1) == zero_for_one


@lru_cache(maxsize=256)
def decode_pool(data: bytes) -> PoolState:
    """Decode a PoolState account; orders at once quote the same bytes again and again.

    Raises QuoteRefused `pool_unreadable`.
    """
    if len(data) < POOL_SIZE or data[:8] != POOL_DISCRIMINATOR:
        raise QuoteRefused("pool_unreadable", "The account is not a Raydium CPMM pool.")
    protocol0, protocol1, fund0, fund1, open_time = struct.unpack_from(
        "<5Q", data, _FEES
    )
    creator0, creator1 = struct.unpack_from("<2Q", data, _CREATOR_FEES)
    if data[_CREATOR_FEE_ON] > 2:
        raise QuoteRefused(
            "pool_unreadable", "The pool has a creator fee of an unknown kind."
        )
    return PoolState(
        *_decode_keys(data[:_KEYS_END]),
        status=data[329],
        open_time=open_time,
        creator_fee_on=data[_CREATOR_FEE_ON],
        creator_fee_enabled=data[_ENABLE_CREATOR_FEE] != 0,
        accrued_fees=(
            fit_u64(protocol0 + fund0 + creator0, "the accrued fee"),
            fit_u64(protocol1 + fund1 + creator1, "the accrued fee"),
        ),
    )


@lru_cache(maxsize=256)
def _decode_keys(
    data: bytes,
) -> tuple[
    Pubkey, tuple[Pubkey, Pubkey], tuple[Pubkey, Pubkey], tuple[Pubkey, Pubkey], Pubkey
]:
    """Decode the addresses, which no swap changes, in the order of PoolState."""
    return (
        _key(data, 8),
        (_key(data, 72), _key(data, 104)),
        (_key(data, 168), _key(data, 200)),
        (_key(data, 232), _key(data, 264)),
        _key(data, 296),
    )


def decode_rates(data: bytes, pool: PoolState, *, zero_for_one: bool) -> FeeRates:
    """Decode the AmmConfig account of `pool`; raises QuoteRefused `pool_unreadable`."""
    on_input = pool.creator_fee_on_input(zero_for_one=zero_for_one)
    return _decode_config(data, pool.creator_fee_enabled, on_input)


@lru_cache(maxsize=256)
def _decode_config(data: bytes, creator_enabled: bool, on_input: bool) -> FeeRates:
    if len(data) < CONFIG_SIZE or data[:8] != CONFIG_DISCRIMINATOR:
        raise QuoteRefused(
            "pool_unreadable", "The pool's fee tier is not a Raydium AmmConfig."
        )
    trade, protocol, fund = struct.unpack_from("<3Q", data, 12)
    (creator,) = struct.unpack_from("<Q", data, 108)
    return FeeRates(trade, protocol, fund, creator if creator_enabled else 0, on_input)


def write_swap(
    data: bytes, swap: CurveSwap, *, zero_for_one: bool, epoch: int
) -> bytes:
    """Return the pool state after `swap`: fees accrue, the epoch is noted.

    Raises QuoteRefused `math_overflow` when an accrued fee no longer fits.
    """
    state = bytearray(data)
    side_in = 0 if zero_for_one else 1
    side_creator = side_in if swap.creator_fee_on_input else 1 - side_in
    for offset, fee in (
        (_FEES + 8 * side_in, swap.protocol_fee),
        (_FEES + 16 + 8 * side_in, swap.fund_fee),
        (_CREATOR_FEES + 8 * side_creator, swap.creator_fee),
    ):
        if fee:
            _add_u64(state, offset, fee)
    struct.pack_into("<Q", state, _RECENT_EPOCH, epoch)
    return bytes(state)


def _add_u64(state: bytearray, offset: int, amount: int) -> None:
    (value,) = struct.unpack_from("<Q", state, offset)
    struct.pack_into("<Q", state, offset, fit_u64(value + amount, "the accrued fee"))


def _key(data: bytes, offset: int) -> Pubkey:
    return Pubkey.from_bytes(data[offset : offset + 32])
