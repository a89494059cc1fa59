"""The accounts of a Meteora DLMM pair: the pair and its bin arrays.

Source: MeteoraAg/dlmm-sdk fb02e51, `idls/dlmm.json` 0.12.0 and `commons/src/extensions`.
All offsets count the 8 bytes of the account discriminator.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import program_address

PROGRAM_ID = Pubkey.from_string("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")

PAIR_SIZE = 904
PAIR_DISCRIMINATOR = bytes.fromhex("210b3162b565b10d")
BIN_ARRAY_SIZE = 10_136
BIN_ARRAY_DISCRIMINATOR = bytes.fromhex("5c8e5cdc059446b5")

BINS_PER_ARRAY = 70
BIN_SIZE = 144
BINS_START = 56

_PARAMETERS = struct.Struct("<4H2I8xH3B")  # from 8
_VARIABLES = struct.Struct("<2Ii4xq12xi")  # from 40
_STATE = struct.Struct("<B4xHB3xB")  # from 75
# amounts X and Y, price in two halves; skip liquidity, orders done and fees; open,
# processing and remaining orders; skip their age; ask side
_BIN = struct.Struct("<4Q80x3Q4xB")


class Pair(NamedTuple):
    """A decoded LbPair: every field that a swap reads."""

    base_factor: int
    filter_period: int
    decay_period: int
    reduction_factor: int
    variable_fee_control: int
    max_volatility_accumulator: int
    protocol_share: int
    base_fee_power: int
    function_type: int
    collect_fee_mode: int
    pair_type: int
    bin_step: int
    status: int
    activation_type: int
    activation_point: int
    mints: tuple[Pubkey, Pubkey]
    reserves: tuple[Pubkey, Pubkey]
    token_2022: tuple[bool, bool]
    has_rewards: bool
    oracle: Pubkey
    bitmap: int
    # The rest is what a swap changes.
    active_id: int
    volatility_accumulator: int
    volatility_reference: int
    index_reference: int
    last_update: int


class Bin(NamedTuple):
    """One price of the pair: liquidity of its market makers, and limit orders.

    `price` is Y per X in Q64.64. Orders sell X when `ask`, else they buy it.
    """

    amount_x: int
    amount_y: int
    price: int
    open_orders: int
    processing_orders: int
    remaining_orders: int
    ask: bool


@lru_cache(maxsize=256)
def decode_pair(data: bytes) -> Pair:
    """Decode an LbPair account; orders at once quote the same bytes again and again.

    Raises QuoteRefused `pool_unreadable`.
    """
    if len(data) < PAIR_SIZE or data[:8] != PAIR_DISCRIMINATOR:
        raise QuoteRefused("pool_unreadable", "The account is not a Meteora DLMM pair.")
    accumulator, reference, index_reference, last_update, active_id = (
        _VARIABLES.unpack_from(data, 40)
    )
    # What a swap changes is left blank, so that the rest is found again after it.
    lasting = b"".join(
        (
            data[:40],
            bytes(35),
            data[75:76],
            bytes(4),
            data[80:216],
            bytes(16),
            data[232:],
        )
    )
    changing = active_id, accumulator, reference, index_reference, last_update
    return Pair._make((*_decode_lasting(lasting), *changing))


@lru_cache(maxsize=256)
def _decode_lasting(data: bytes) -> tuple[Any, ...]:
    """Decode the fields of Pair that no swap changes, in their order."""
    pair_type, bin_step, status, activation_type = _STATE.unpack_from(data, 75)
    return (
        *_PARAMETERS.unpack_from(data, 8),
        pair_type,
        bin_step,
        status,
        activation_type,
        int.from_bytes(data[816:824], "little"),
        (_key(data, 88), _key(data, 120)),
        (_key(data, 152), _key(data, 184)),
        (data[880] == 1, data[881] == 1),
        any(data[264:296]) or any(data[408:440]),
        _key(data, 552),
        int.from_bytes(data[584:712], "little"),
    )


def check_bin_array(data: bytes, pair: Pubkey, index: int) -> None:
    """Raise QuoteRefused unless `data` is bin array `index` of `pair`."""
    if (
        len(data) < BIN_ARRAY_SIZE
        or data[:8] != BIN_ARRAY_DISCRIMINATOR
        or int.from_bytes(data[8:16], "little", signed=True) != index
        or data[24:56] != bytes(pair)
    ):
        raise QuoteRefused(
            "pool_unreadable", f"Bin array {index} of the pair is malformed."
        )


def bin_offset(index: int, bin_id: int) -> int:
    """Return where bin `bin_id` starts in the account of bin array `index`."""
    return BINS_START + BIN_SIZE * (bin_id - index * BINS_PER_ARRAY)


def decode_bin(data: bytes, offset: int) -> Bin:
    """Decode the bin that starts at `offset` of a bin array."""
    x, y, low, high, opened, processing, remaining, ask = _BIN.unpack_from(data, offset)
    return Bin(x, y, high << 64 | low, opened, processing, remaining, ask != 0)


@lru_cache(maxsize=4_096)
def bin_array_address(pair: Pubkey, index: int) -> Pubkey:
    """Derive the account of bin array `index`."""
    return program_address(
        PROGRAM_ID, b"bin_array", bytes(pair), index.to_bytes(8, "little", signed=True)
    )


def _key(data: bytes, offset: int) -> Pubkey:
    return Pubkey.from_bytes(data[offset : offset + 32])
