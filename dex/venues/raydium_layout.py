"""The accounts of a Raydium CPMM pool: its state, its fee tier, and what a swap writes.

Source: raydium-io/raydium-cp-swap 609780f, `states/pool.rs` and `states/config.rs`. All
offsets count the 8 bytes of the account discriminator.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

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

_FEES = 341  # protocol, fund of tokens 0 and 1; open time; recent epoch
_RECENT_EPOCH = 381
_CREATOR_FEE_ON = 389
_ENABLE_CREATOR_FEE = 390
_CREATOR_FEES = 397


@dataclass(frozen=True, slots=True)
class PoolState:
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
        config=_key(data, 8),
        vaults=(_key(data, 72), _key(data, 104)),
        mints=(_key(data, 168), _key(data, 200)),
        token_programs=(_key(data, 232), _key(data, 264)),
        observation=_key(data, 296),
        status=data[329],
        open_time=open_time,
        creator_fee_on=data[_CREATOR_FEE_ON],
        creator_fee_enabled=data[_ENABLE_CREATOR_FEE] != 0,
        accrued_fees=(
            fit_u64(protocol0 + fund0 + creator0, "the accrued fee"),
            fit_u64(protocol1 + fund1 + creator1, "the accrued fee"),
        ),
    )


def decode_rates(data: bytes, pool: PoolState, *, zero_for_one: bool) -> FeeRates:
    """Decode the AmmConfig account of `pool`; raises QuoteRefused `pool_unreadable`."""
    if len(data) < CONFIG_SIZE or data[:8] != CONFIG_DISCRIMINATOR:
        raise QuoteRefused(
            "pool_unreadable", "The pool's fee tier is not a Raydium AmmConfig."
        )
    trade, protocol, fund = struct.unpack_from("<3Q", data, 12)
    (creator,) = struct.unpack_from("<Q", data, 108)
    return FeeRates(
        trade=trade,
        protocol=protocol,
        fund=fund,
        creator=creator if pool.creator_fee_enabled else 0,
        creator_on_input=pool.creator_fee_on_input(zero_for_one=zero_for_one),
    )


def write_swap(
    data: bytes, swap: CurveSwap, *, zero_for_one: bool, epoch: int
) -> bytes:
    """Return the pool state after `swap`: fees accrue, the epoch is noted.

    Raises QuoteRefused `math_overflow` when an accrued fee no longer fits.
    """
    state = bytearray(data)
    side_in = 0 if zero_for_one else 1
    side_creator = side_in if swap.creator_fee_on_input else 1 - side_in
    _add_u64(state, _FEES + 8 * side_in, swap.protocol_fee)
    _add_u64(state, _FEES + 16 + 8 * side_in, swap.fund_fee)
    _add_u64(state, _CREATOR_FEES + 8 * side_creator, swap.creator_fee)
    struct.pack_into("<Q", state, _RECENT_EPOCH, epoch)
    return bytes(state)


def _add_u64(state: bytearray, offset: int, amount: int) -> None:
    (value,) = struct.unpack_from("<Q", state, offset)
    struct.pack_into("<Q", state, offset, fit_u64(value + amount, "the accrued fee"))


def _key(data: bytes, offset: int) -> Pubkey:
    return Pubkey.from_bytes(data[offset : offset + 32])
