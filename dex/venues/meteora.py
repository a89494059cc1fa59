"""Meteora DLMM (program LBUZKhRx…): pairs with discrete price bins.

A quote is what `swap2` of the program pays, to the base unit, at the Clock of its
snapshot. Its fee is in the input token, or always in Y where the pair says so; `fee_bps`
is what this swap pays of it, since the rate grows with each bin. The price impact compares
the output with the price of the first bin that pays.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import (
    MEMO_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
    program_address,
)
from dex.types import Accounts, Quote, Snapshot

from .base import existing_account
from .dlmm_layout import (
    BINS_PER_ARRAY,
    PROGRAM_ID,
    Bitmaps,
    Pair,
    bin_array_address,
    bitmap_extension_address,
    check_bin_array,
    decode_bitmaps,
    decode_pair,
)
from .dlmm_math import BinFill
from .dlmm_state import apply_swap
from .dlmm_swap import MAX_BIN_ARRAYS, PairSwap, compute_swap
from .integers import fit_u64, price_impact_bps, round_div
from .token_2022 import Mint, read_mint, read_vault_amount

__all__ = [
    "PROGRAM_ID",
    "BinFill",
    "MeteoraDlmm",
    "PairSwap",
    "PoolSwap",
    "apply_swap",
    "compute_swap",
    "swap_exact_in",
]

SWAP2 = bytes.fromhex("414b3f4ceb5b5b88")
# 200 bins without a gap lie in at most four arrays. One more for gaps.
ARRAYS_READ_PER_SIDE = 5
SPARE_ARRAYS = 2


@dataclass(frozen=True, slots=True)
class PoolSwap:
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


class MeteoraDlmm:
    """The venue `meteora`."""

    name = "meteora"
    program_id = PROGRAM_ID

    def addresses(self, pool: Pubkey, accounts: Accounts) -> list[Pubkey]:
        """List the pair, then its mints, reserves, bitmap extension and bin arrays."""
        account = accounts.get(pool)
        if account is None or account.owner != PROGRAM_ID:
            return [pool]
        extension = bitmap_extension_address(pool)
        try:
            pair = decode_pair(account.data)
            bitmaps = (
                _read_bitmaps(accounts, pool, pair) if extension in accounts else None
            )
        except QuoteRefused:  # quote() says why
            return [pool]
        named = [pool, *pair.mints, *pair.reserves, extension]
        if bitmaps is not None:
            start = pair.active_id // BINS_PER_ARRAY
            indices = {
                index
                for below in (True, False)
                for index in bitmaps.nearest(
                    start, below=below, count=ARRAYS_READ_PER_SIDE
                )
            }
            named += [bin_array_address(pool, index) for index in sorted(indices)]
        return named

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        """Quote an exact input; see the module's text for what its fee and impact mean."""
        swap = swap_exact_in(pool, snapshot, mint_in, amount_in)
        inner, pair = swap.inner, swap.pair
        side_in, side_out = (0, 1) if inner.swap_for_y else (1, 0)
        fee_side = 0 if inner.fee_in_x else 1
        fee_base = (
            inner.amount_in if fee_side == side_in else inner.amount_out + inner.fee
        )
        return Quote(
            venue=self.name,
            pool=pool,
            mint_in=pair.mints[side_in],
            mint_out=pair.mints[side_out],
            token_program_in=swap.mint_in.token_program,
            token_program_out=swap.mint_out.token_program,
            vault_in=pair.reserves[side_in],
            vault_out=pair.reserves[side_out],
            amount_in=amount_in,
            amount_out=swap.amount_out,
            vault_in_delta=inner.amount_in,
            vault_out_delta=inner.amount_out,
            fee_amount=inner.fee,
            fee_mint=pair.mints[fee_side],
            fee_bps=round_div(inner.fee * 10_000, fee_base),
            price_impact_bps=_price_impact_bps(inner),
            slot=snapshot.slot,
            route_accounts=_route_accounts(pool, swap),
        )

    def swap_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, min_amount_out: int
    ) -> Instruction:
        """Build `swap2` of `quote`, with its bin arrays and the spare ones."""
        pair = _read_pair(snapshot.accounts, quote.pool)
        extension = bitmap_extension_address(quote.pool)
        has_extension = snapshot.accounts.get(extension) is not None
        source = associated_token_address(user, quote.mint_in, quote.token_program_in)
        target = associated_token_address(user, quote.mint_out, quote.token_program_out)
        token_programs = {
            quote.mint_in: quote.token_program_in,
            quote.mint_out: quote.token_program_out,
        }
        no_account = _readonly(
            PROGRAM_ID
        )  # how Anchor writes an optional account left out
        accounts = [
            _writable(quote.pool),
            _writable(extension) if has_extension else no_account,
            _writable(pair.reserves[0]),
            _writable(pair.reserves[1]),
            _writable(source),
            _writable(target),
            _readonly(pair.mints[0]),
            _readonly(pair.mints[1]),
            _writable(pair.oracle),
            no_account,  # host fee
            AccountMeta(user, is_signer=True, is_writable=False),
            _readonly(token_programs[pair.mints[0]]),
            _readonly(token_programs[pair.mints[1]]),
            _readonly(MEMO_PROGRAM),
            _readonly(program_address(PROGRAM_ID, b"__event_authority")),
            _readonly(PROGRAM_ID),
            *map(_writable, quote.route_accounts),
        ]
        # The last number counts accounts for transfer hooks, of which there are none.
        data = SWAP2 + struct.pack("<QQI", quote.amount_in, min_amount_out, 0)
        return Instruction(PROGRAM_ID, data, accounts)


def swap_exact_in(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
) -> PoolSwap:
    """Compute `swap2`; raises QuoteRefused where the program fails."""
    accounts, clock = snapshot.accounts, snapshot.clock
    pair = _read_pair(accounts, pool)
    if mint_in not in pair.mints:
        raise QuoteRefused("pool_unreadable", f"The pair does not trade {mint_in}.")
    side_in, side_out = (0, 1) if mint_in == pair.mints[0] else (1, 0)
    token_in, vault_in = _read_side(snapshot, pair, side_in)
    token_out, vault_out = _read_side(snapshot, pair, side_out)
    fit_u64(amount_in, "the amount")
    arriving = amount_in - token_in.transfer_fee.of(amount_in)
    if arriving <= 0:
        raise QuoteRefused(
            "zero_output", "Nothing of this amount would reach the pool."
        )
    fit_u64(vault_in + arriving, "the reserve's balance")
    bitmaps = _read_bitmaps(accounts, pool, pair)
    walk = _Arrays(accounts, pool)
    inner = compute_swap(
        pair,
        bitmaps,
        walk.read,
        amount_in=arriving,
        swap_for_y=side_in == 0,
        clock=clock,
    )
    if inner.amount_out > vault_out:
        raise QuoteRefused("no_liquidity", "The reserve holds less than its bins say.")
    received = inner.amount_out - token_out.transfer_fee.of(inner.amount_out)
    if received <= 0:
        raise QuoteRefused(
            "zero_output", "The transfer fee would take all of the output."
        )
    return PoolSwap(pair, bitmaps, token_in, token_out, amount_in, received, inner)


class _Arrays:
    """The bin arrays of one pair in a snapshot, each checked when it is read."""

    def __init__(self, accounts: Accounts, pool: Pubkey) -> None:
        self._accounts = accounts
        self._pool = pool
        self._count = 0

    def read(self, index: int) -> bytes:
        """Return bin array `index`; raises QuoteRefused."""
        address = bin_array_address(self._pool, index)
        self._count += 1
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


def _read_pair(accounts: Accounts, pool: Pubkey) -> Pair:
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


def _read_bitmaps(accounts: Accounts, pool: Pubkey, pair: Pair) -> Bitmaps:
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


def _route_accounts(pool: Pubkey, swap: PoolSwap) -> tuple[Pubkey, ...]:
    """List the bin arrays of the swap, then spare ones in case the price moves on."""
    inner = swap.inner
    spare = min(SPARE_ARRAYS, MAX_BIN_ARRAYS - len(inner.array_indices))
    indices = swap.bitmaps.nearest(
        inner.array_indices[0],
        below=inner.swap_for_y,
        count=len(inner.array_indices) + spare,
    )
    return tuple(bin_array_address(pool, index) for index in indices)


def _price_impact_bps(swap: PairSwap) -> int:
    price = swap.fills[0].price
    net_in = sum(fill.net_in for fill in swap.fills)
    gross_out = sum(fill.gross_out for fill in swap.fills)
    if swap.swap_for_y:
        return price_impact_bps(net_in * price, gross_out << 64)
    return price_impact_bps(net_in << 64, gross_out * price)


def _readonly(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
