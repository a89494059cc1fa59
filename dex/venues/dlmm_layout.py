"""The accounts of a Meteora DLMM pair: the pair, its bin arrays, its bitmaps.

Source: MeteoraAg/dlmm-sdk fb02e51, `idls/dlmm.json` 0.12.0 and `commons/src/extensions`.
All offsets count the 8 bytes of the account discriminator.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import program_address

PROGRAM_ID = Pubkey.from_string("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")

PAIR_SIZE = 904
PAIR_DISCRIMINATOR = bytes.fromhex("210b3162b565b10d")
BIN_ARRAY_SIZE = 10_136
BIN_ARRAY_DISCRIMINATOR = bytes.fromhex("5c8e5cdc059446b5")
BITMAP_EXTENSION_SIZE = 1_576
BITMAP_EXTENSION_DISCRIMINATOR = bytes.fromhex("506f7c7137ed1205")

BINS_PER_ARRAY = 70
BIN_SIZE = 144
BINS_START = 56

_INTERNAL_MIN, _INTERNAL_MAX = -512, 511

_PARAMETERS = struct.Struct("<4H2I8xH3B")  # from 8
_VARIABLES = struct.Struct("<2Ii4xq")  # from 40
_STATE = struct.Struct("<BiHB3xB")  # from 75
# amount x and y, price, liquidity; skip orders done and fees; open, processing,
# remaining orders; age; ask side
_BIN = struct.Struct("<2Q16s16s64x3QIB")


@dataclass(frozen=True, slots=True)
class Pair:
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
    last_update: int
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
    active_id: int
    volatility_accumulator: int
    volatility_reference: int
    index_reference: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One price of the pair: liquidity of its market makers, and limit orders.

    `price` is Y per X in Q64.64. Orders sell X when `ask`, else they buy it.
    """

    amount_x: int
    amount_y: int
    price: int
    liquidity: int
    open_orders: int
    processing_orders: int
    remaining_orders: int
    order_age: int
    ask: bool


@dataclass(frozen=True, slots=True)
class Bitmaps:
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


def decode_pair(data: bytes) -> Pair:
    """Decode an LbPair account; raises QuoteRefused `pool_unreadable`."""
    if len(data) < PAIR_SIZE or data[:8] != PAIR_DISCRIMINATOR:
        raise QuoteRefused("pool_unreadable", "The account is not a Meteora DLMM pair.")
    (
        base_factor,
        filter_period,
        decay_period,
        reduction_factor,
        variable_fee_control,
        max_volatility_accumulator,
        protocol_share,
        base_fee_power,
        function_type,
        collect_fee_mode,
    ) = _PARAMETERS.unpack_from(data, 8)
    accumulator, reference, index_reference, last_update = _VARIABLES.unpack_from(
        data, 40
    )
    pair_type, active_id, bin_step, status, activation_type = _STATE.unpack_from(
        data, 75
    )
    return Pair(
        base_factor=base_factor,
        filter_period=filter_period,
        decay_period=decay_period,
        reduction_factor=reduction_factor,
        variable_fee_control=variable_fee_control,
        max_volatility_accumulator=max_volatility_accumulator,
        protocol_share=protocol_share,
        base_fee_power=base_fee_power,
        function_type=function_type,
        collect_fee_mode=collect_fee_mode,
        last_update=last_update,
        pair_type=pair_type,
        bin_step=bin_step,
        status=status,
        activation_type=activation_type,
        activation_point=int.from_bytes(data[816:824], "little"),
        mints=(_key(data, 88), _key(data, 120)),
        reserves=(_key(data, 152), _key(data, 184)),
        token_2022=(data[880] == 1, data[881] == 1),
        has_rewards=any(data[264:296]) or any(data[408:440]),
        oracle=_key(data, 552),
        bitmap=int.from_bytes(data[584:712], "little"),
        active_id=active_id,
        volatility_accumulator=accumulator,
        volatility_reference=reference,
        index_reference=index_reference,
    )


def decode_bitmaps(pair: Pair, extension: bytes | None) -> Bitmaps:
    """Join the pair's bitmap with its extension account, if there is one."""
    if extension is None:
        return Bitmaps(pair.bitmap)
    if (
        len(extension) < BITMAP_EXTENSION_SIZE
        or extension[:8] != BITMAP_EXTENSION_DISCRIMINATOR
    ):
        raise QuoteRefused(
            "pool_unreadable", "The pair's bitmap extension is malformed."
        )
    return Bitmaps(
        internal=pair.bitmap,
        positive=int.from_bytes(extension[40:808], "little"),
        negative=int.from_bytes(extension[808:1576], "little"),
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
    x, y, price, liquidity, opened, processing, remaining, age, ask = _BIN.unpack_from(
        data, offset
    )
    return Bin(
        amount_x=x,
        amount_y=y,
        price=int.from_bytes(price, "little"),
        liquidity=int.from_bytes(liquidity, "little"),
        open_orders=opened,
        processing_orders=processing,
        remaining_orders=remaining,
        order_age=age,
        ask=ask != 0,
    )


def bin_array_address(pair: Pubkey, index: int) -> Pubkey:
    """Derive the account of bin array `index`."""
    return program_address(
        PROGRAM_ID, b"bin_array", bytes(pair), index.to_bytes(8, "little", signed=True)
    )


def bitmap_extension_address(pair: Pubkey) -> Pubkey:
    """Derive the account of the bitmap extension, which most pairs do not have."""
    return program_address(PROGRAM_ID, b"bitmap", bytes(pair))


def _key(data: bytes, offset: int) -> Pubkey:
    return Pubkey.from_bytes(data[offset : offset + 32])
