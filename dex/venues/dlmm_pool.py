"""One swap on a DLMM pair of a snapshot: reads its accounts, adds the transfer fees."""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Accounts, Snapshot

from .base import existing_account
from .dlmm_bitmaps import Bitmaps, bitmap_extension_address, decode_bitmaps
from .dlmm_layout import (
    PROGRAM_ID,
    Pair,
    bin_array_address,
    check_bin_array,
    decode_pair,
)
from .dlmm_swap import PairSwap, compute_swap
from .integers import fit_u64
from .token_2022 import Mint, read_mint
from .vaults import read_vault_amount

# 200 bins without a gap lie in at most four arrays. One more for gaps.
ARRAYS_READ_PER_SIDE = 5


class _Tokens(NamedTuple):
    """A pair seen in one direction: its mints, and what its reserves hold."""

    pair: Pair
    side_in: int  # 0 for X, 1 for Y
    mint_in: Mint
    mint_out: Mint
    reserve_in: int
    reserve_out: int


class PoolSwap(NamedTuple):
    """One swap with its transfer fees.

    `amount_in` leaves the trader, `inner.amount_in` of it arrives in the reserve;
    `inner.amount_out` leaves the reserve, `amount_out` of it arrives at the trader.
    """

    pair: Pair
    bitmaps: Bitmaps
    mint_in: Mint
    mint_out: Mint
    amount_in: int
    amount_out: int
    inner: PairSwap


def swap_exact_in(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
) -> PoolSwap:
    """Compute `swap2`; raises QuoteRefused where the program fails.

    The last swap of a pair is remembered: what is quoted is often applied next.
    """
    asked = mint_in, amount_in
    last = snapshot.decoded.get((PoolSwap, pool))
    if last is not None and last[0] == asked:
        return last[1]  # type: ignore[no-any-return]
    swap = _swap_exact_in(pool, snapshot, _tokens(pool, snapshot, mint_in), amount_in)
    snapshot.decoded[PoolSwap, pool] = asked, swap
    return swap


def _swap_exact_in(
    pool: Pubkey, snapshot: Snapshot, tokens: _Tokens, amount_in: int
) -> PoolSwap:
    pair, token_in, token_out = tokens.pair, tokens.mint_in, tokens.mint_out
    fit_u64(amount_in, "the amount")
    arriving = amount_in - token_in.transfer_fee.of(amount_in)
    if arriving <= 0:
        raise QuoteRefused(
            "zero_output", "Nothing of this amount would reach the pool."
        )
    fit_u64(tokens.reserve_in + arriving, "the reserve's balance")
    bitmaps = _bitmaps(pool, snapshot, pair)
    walk = _Arrays(snapshot, pool)
    inner = compute_swap(
        pair,
        bitmaps,
        walk.read,
        amount_in=arriving,
        swap_for_y=tokens.side_in == 0,
        clock=snapshot.clock,
    )
    if inner.amount_out > tokens.reserve_out:
        raise QuoteRefused("no_liquidity", "The reserve holds less than its bins say.")
    received = inner.amount_out - token_out.transfer_fee.of(inner.amount_out)
    if received <= 0:
        raise QuoteRefused(
            "zero_output", "The transfer fee would take all of the output."
        )
    return PoolSwap(pair, bitmaps, token_in, token_out, amount_in, received, inner)


def _tokens(pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey) -> _Tokens:
    key = _Tokens, pool, mint_in
    return snapshot.once(key, _read_tokens, pool, snapshot, mint_in)


def _read_tokens(pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey) -> _Tokens:
    pair = read_pair(snapshot.accounts, pool)
    if mint_in not in pair.mints:
        raise QuoteRefused("pool_unreadable", f"The pair does not trade {mint_in}.")
    side_in, side_out = (0, 1) if mint_in == pair.mints[0] else (1, 0)
    token_in, reserve_in = _read_side(snapshot, pair, side_in)
    token_out, reserve_out = _read_side(snapshot, pair, side_out)
    return _Tokens(pair, side_in, token_in, token_out, reserve_in, reserve_out)


def _bitmaps(pool: Pubkey, snapshot: Snapshot, pair: Pair) -> Bitmaps:
    key = Bitmaps, pool
    return snapshot.once(key, read_bitmaps, snapshot.accounts, pool, pair)


class _Arrays:
    """The bin arrays of one pair in a snapshot, each checked when it is read first."""

    def __init__(self, snapshot: Snapshot, pool: Pubkey) -> None:
        self._accounts = snapshot.accounts
        self._snapshot = snapshot
        self._pool = pool
        self._count = 0

    def read(self, index: int) -> bytes:
        """Return bin array `index`; raises QuoteRefused."""
        self._count += 1
        key = _Arrays, self._pool, index
        return self._snapshot.once(key, self._read, index)

    def _read(self, index: int) -> bytes:
        address = bin_array_address(self._pool, index)
        if address not in self._accounts and self._count > ARRAYS_READ_PER_SIDE:
            raise QuoteRefused(
                "too_many_bins", "The swap would cross more bin arrays than are read."
            )
        account = existing_account(self._accounts, address, "bin array")
        if account.owner != PROGRAM_ID:
            raise QuoteRefused(
                "pool_unreadable", f"Bin array {index} is not of the program."
            )
        check_bin_array(account.data, self._pool, index)
        return account.data


def read_pair(accounts: Accounts, pool: Pubkey) -> Pair:
    """Read the pair itself; raises QuoteRefused."""
    account = existing_account(accounts, pool, "pair")
    if account.owner != PROGRAM_ID:
        raise QuoteRefused(
            "pool_unreadable", f"{pool} does not belong to Meteora DLMM."
        )
    return decode_pair(account.data)


def _read_side(snapshot: Snapshot, pair: Pair, side: int) -> tuple[Mint, int]:
    """Read one token of the pair: its mint, and what its reserve holds."""
    address = pair.mints[side]
    mint = read_mint(snapshot.accounts, address, snapshot.clock.epoch)
    expected = TOKEN_2022_PROGRAM if pair.token_2022[side] else TOKEN_PROGRAM
    if mint.token_program != expected:
        raise QuoteRefused(
            "pool_unreadable", f"{address} is not of the pair's token program."
        )
    reserve = pair.reserves[side]
    return mint, read_vault_amount(snapshot.accounts, reserve, address, expected)


def read_bitmaps(accounts: Accounts, pool: Pubkey, pair: Pair) -> Bitmaps:
    """Read the bitmaps of a pair, with its extension if it has one; raises QuoteRefused."""
    address = bitmap_extension_address(pool)
    if address not in accounts:
        raise QuoteRefused(
            "accounts_missing", f"The bitmap extension {address} was not read."
        )
    extension = accounts[address]
    if extension is not None and extension.owner != PROGRAM_ID:
        raise QuoteRefused(
            "pool_unreadable", "The bitmap extension is not of the program."
        )
    return decode_bitmaps(pair, extension.data if extension is not None else None)
