"""Genesis pools of Meteora DLMM, byte for byte as the program lays them out.

Layouts: MeteoraAg/dlmm-sdk, `idls/dlmm.json`.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Callable

from solders.pubkey import Pubkey

from dex.solana.addresses import program_address
from dex.types import Account
from dex.venues.dlmm_price import bin_price
from dex.venues.meteora import PROGRAM_ID

from .programs.invocation import rent_exempt_minimum

BASE_FACTOR = 10_000
BINS_PER_SIDE = 140
BINS_PER_ARRAY = 70
MAX_BIN = 43_670

NewVault = Callable[[Pubkey, Pubkey, int], Account]


def discriminator(name: str) -> bytes:
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


def active_bin(bin_step: int, amount_x: int, amount_y: int) -> int:
    """Return the highest bin whose price is at most `amount_y` per `amount_x`."""
    ids = range(-MAX_BIN, MAX_BIN)
    price = (amount_y << 64) // amount_x
    return ids[bisect_right(ids, price, key=lambda i: bin_price(bin_step, i)) - 1]


def pool(
    mint_x: Pubkey,
    mint_y: Pubkey,
    amount_x: int,
    amount_y: int,
    *,
    bin_step: int,
    new_vault: NewVault,
) -> tuple[Pubkey, list[tuple[Pubkey, Account]]]:
    """Return a pool's address and its accounts.

    The amounts (base units) lie evenly in the bins beside the active one: X at and
    above it, Y at and below it; together they set the price.
    """
    low, high = sorted((bytes(mint_x), bytes(mint_y)))
    seeds = [
        low,
        high,
        bin_step.to_bytes(2, "little"),
        BASE_FACTOR.to_bytes(2, "little"),
    ]
    address, bump = Pubkey.find_program_address(seeds, PROGRAM_ID)
    active = active_bin(bin_step, amount_x, amount_y)
    per_bin = amount_x // BINS_PER_SIDE, amount_y // BINS_PER_SIDE
    first, last = active - BINS_PER_SIDE + 1, active + BINS_PER_SIDE - 1
    indexes = range(first // BINS_PER_ARRAY, last // BINS_PER_ARRAY + 1)
    reserve_x, reserve_y = (
        program_address(PROGRAM_ID, bytes(address), bytes(mint))
        for mint in (mint_x, mint_y)
    )
    oracle = program_address(PROGRAM_ID, b"oracle", bytes(address))
    state = _pair(
        bump, bin_step, active, indexes, (mint_x, mint_y, reserve_x, reserve_y, oracle)
    )
    held = per_bin[0] * BINS_PER_SIDE, per_bin[1] * BINS_PER_SIDE
    made = [
        (address, _owned(state)),
        (reserve_x, new_vault(mint_x, address, held[0])),
        (reserve_y, new_vault(mint_y, address, held[1])),
        (oracle, _owned(new_oracle())),
    ]
    for index in indexes:
        seed = index.to_bytes(8, "little", signed=True)
        array = program_address(PROGRAM_ID, b"bin_array", bytes(address), seed)
        data = _bin_array(address, index, bin_step, active, per_bin)
        made.append((array, _owned(data)))
    return address, made


def _owned(data: bytes) -> Account:
    return Account(PROGRAM_ID, rent_exempt_minimum(len(data)), data)


def _pair(
    bump: int,
    bin_step: int,
    active: int,
    indexes: range,
    addresses: tuple[Pubkey, Pubkey, Pubkey, Pubkey, Pubkey],
) -> bytes:
    """LbPair: fees as of a real pool of this bin step; no limit orders; open to all."""
    data = bytearray(904)
    data[:8] = discriminator("LbPair")
    struct.pack_into(
        "<HHHHIIiiHBBB",
        data,
        8,
        *(BASE_FACTOR, 30, 600, 5_000, 40_000, 350_000, -MAX_BIN, MAX_BIN),
        *(1_000, 0),  # protocol share, base fee power
        1,  # function type: liquidity mining, so no limit orders
        0,  # fees are taken from the input
    )
    struct.pack_into("<i", data, 48, active)  # index reference
    struct.pack_into(
        "<BHBiHBBH", data, 72, bump, bin_step, 3, active, bin_step, 0, 1, BASE_FACTOR
    )
    mint_x, mint_y, reserve_x, reserve_y, oracle = map(bytes, addresses)
    data[88:216] = mint_x + mint_y + reserve_x + reserve_y
    data[552:584] = oracle
    bitmap = sum(1 << (index + 512) for index in indexes)
    data[584:712] = bitmap.to_bytes(128, "little")
    return bytes(data)


def new_oracle() -> bytes:
    """Return an oracle with room for 100 observations and none made."""
    return (discriminator("Oracle") + struct.pack("<QQQ", 0, 0, 100)).ljust(
        3_232, b"\0"
    )


def _bin_array(
    pair: Pubkey, index: int, bin_step: int, active: int, per_bin: tuple[int, int]
) -> bytes:
    data = bytearray(10_136)
    struct.pack_into(
        "<8sqB7x32s", data, 0, discriminator("BinArray"), index, 1, bytes(pair)
    )
    for position in range(BINS_PER_ARRAY):
        bin_id = index * BINS_PER_ARRAY + position
        distance = bin_id - active
        if abs(distance) >= BINS_PER_SIDE:
            continue
        x = per_bin[0] if distance >= 0 else 0
        y = per_bin[1] if distance <= 0 else 0
        price = bin_price(bin_step, bin_id)
        struct.pack_into("<QQ", data, 56 + 144 * position, x, y)
        shares = price * x + (y << 64)
        start = 72 + 144 * position
        data[start : start + 16] = price.to_bytes(16, "little")
        data[start + 16 : start + 32] = shares.to_bytes(16, "little")
    return bytes(data)
