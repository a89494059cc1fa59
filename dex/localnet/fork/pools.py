"""The pools in dumps of a real chain, each with every account that its swaps need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.localnet.genesis_meteora import new_oracle
from dex.localnet.genesis_raydium import AUTHORITY, new_observation
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account
from dex.venues import dlmm_bitmaps, dlmm_layout, raydium_layout

from .dumps import BadDump
from .missing import Made, Parts

_BITMAP = slice(584, 712)
_POSITIVE, _NEGATIVE = slice(40, 808), slice(808, 1_576)


@dataclass(frozen=True, slots=True)
class ForkedPool:
    """A copied pool. `held` is what its vaults held at the copy, base units by mint.

    `made` is what it needs and no dump held.
    """

    address: Pubkey
    venue: str
    held: dict[Pubkey, int]
    state: bytes
    made: tuple[Made, ...]


def find_pools(parts: Parts) -> Iterator[ForkedPool]:
    """Complete and return every pool among the accounts. Raises BadDump."""
    for address, account in list(parts.accounts.items()):
        kind = account.owner, account.data[:8]
        try:
            if kind == (raydium_layout.PROGRAM_ID, raydium_layout.POOL_DISCRIMINATOR):
                yield _raydium(address, account, parts)
            elif kind == (dlmm_layout.PROGRAM_ID, dlmm_layout.PAIR_DISCRIMINATOR):
                yield _meteora(address, account, parts)
        except QuoteRefused as error:
            raise BadDump(
                f"The pool {address} cannot be used: {error.reason}"
            ) from None


def _raydium(address: Pubkey, account: Account, parts: Parts) -> ForkedPool:
    state = raydium_layout.decode_pool(account.data)
    parts.require(state.config, "fee tier")
    held = {}
    for side in (0, 1):
        mint, program = state.mints[side], state.token_programs[side]
        parts.mint(mint, program, decimals=account.data[331 + side])
        _check_mint(address, mint, parts.require(mint, "mint"), program)
        held[mint] = parts.vault(state.vaults[side], mint, AUTHORITY)
    parts.state(
        state.observation,
        raydium_layout.PROGRAM_ID,
        new_observation(address),
        "observation account",
    )
    return ForkedPool(address, "raydium", held, account.data, parts.take_made())


def _meteora(address: Pubkey, account: Account, parts: Parts) -> ForkedPool:
    pair = dlmm_layout.decode_pair(account.data)
    held = {}
    for side in (0, 1):
        # A pair does not say how many decimals its tokens have.
        mint = pair.mints[side]
        program = TOKEN_2022_PROGRAM if pair.token_2022[side] else TOKEN_PROGRAM
        _check_mint(address, mint, parts.require(mint, "mint"), program)
        held[mint] = parts.vault(pair.reserves[side], mint, address)
    parts.state(pair.oracle, dlmm_layout.PROGRAM_ID, new_oracle(), "oracle")
    _end_where_the_dump_ends(address, account, pair, parts)
    state = parts.accounts[address].data
    return ForkedPool(address, "meteora", held, state, parts.take_made())


def _check_mint(
    pool: Pubkey, address: Pubkey, mint: Account, token_program: Pubkey
) -> None:
    if mint.owner != token_program or not layout.is_mint(mint.data):
        raise BadDump(
            f"The pool {pool} names {address} as a mint, which is none of its token "
            "program. Dump the pool and its mints again."
        )


def _end_where_the_dump_ends(
    address: Pubkey, account: Account, pair: dlmm_layout.Pair, parts: Parts
) -> None:
    """Take bin arrays that no dump holds out of the bitmaps: they count as empty.

    BadDump when the price lies in one of them: the pool would trade at another.
    """
    extension_address = dlmm_bitmaps.bitmap_extension_address(address)
    extension = parts.get(extension_address)
    extension_data = None if extension is None else extension.data
    bitmaps = dlmm_bitmaps.decode_bitmaps(pair, extension_data)
    absent = {
        index
        for index in _indices(bitmaps)
        if parts.get(dlmm_layout.bin_array_address(address, index)) is None
    }
    if not absent:
        return
    active = pair.active_id // dlmm_layout.BINS_PER_ARRAY
    if active in absent:
        parts.require(dlmm_layout.bin_array_address(address, active), "bin array")
    kept = [index for index in _indices(bitmaps) if index not in absent]
    internal, positive, negative = _bits(kept)
    data = bytearray(account.data)
    data[_BITMAP] = internal.to_bytes(128, "little")
    parts.accounts[address] = replace(account, data=bytes(data))
    if extension is not None:
        data = bytearray(extension.data)
        data[_POSITIVE] = positive.to_bytes(768, "little")
        data[_NEGATIVE] = negative.to_bytes(768, "little")
        parts.accounts[extension_address] = replace(extension, data=bytes(data))
    listed = ", ".join(map(str, sorted(absent)))
    parts.make(
        Made(f"nothing for the bin arrays {listed} of {address}: they count as empty")
    )


def _indices(bitmaps: dlmm_bitmaps.Bitmaps) -> list[int]:
    """List the bin arrays that hold liquidity; see `Bitmaps` for what a bit means."""
    return [
        *(-513 - bit for bit in _set_bits(bitmaps.negative or 0)),
        *(bit - 512 for bit in _set_bits(bitmaps.internal)),
        *(512 + bit for bit in _set_bits(bitmaps.positive or 0)),
    ]


def _bits(indices: list[int]) -> tuple[int, int, int]:
    """Return the internal, the positive and the negative bitmap of these arrays."""
    internal = sum(1 << (index + 512) for index in indices if -512 <= index <= 511)
    positive = sum(1 << (index - 512) for index in indices if index > 511)
    negative = sum(1 << (-513 - index) for index in indices if index < -512)
    return internal, positive, negative


def _set_bits(bits: int) -> Iterator[int]:
    position = 0
    while bits >> position:
        if bits >> position & 1:
            yield position
        position += 1
