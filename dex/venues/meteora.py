"""Meteora DLMM (program LBUZKhRx…): pairs with discrete price bins.

A quote is what `swap2` of the program pays, to the base unit, at the Clock of its
snapshot. Its fee is in the input token, or always in Y where the pair says so; `fee_bps`
is what this swap pays of it, since the rate grows with each bin. The price impact compares
the output with the price of the first bin that pays.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import MEMO_PROGRAM, associated_token_address, program_address
from dex.types import Account, Accounts, Quote, Snapshot

from .base import existing_account, readonly, writable
from .dlmm_bitmaps import Bitmaps, bitmap_extension_address
from .dlmm_layout import BINS_PER_ARRAY, PROGRAM_ID, bin_array_address, decode_pair
from .dlmm_math import BinFill
from .dlmm_pool import (
    ARRAYS_READ_PER_SIDE,
    PoolSwap,
    read_bitmaps,
    read_pair,
    swap_exact_in,
)
from .dlmm_price import spot_price, swap_impact_bps
from .dlmm_state import apply_swap, check_known_state
from .dlmm_swap import MAX_BIN_ARRAYS, PairSwap, compute_swap
from .integers import round_div
from .vaults import TRANSFER_UNITS, vaults_after

__all__ = [
    "PROGRAM_ID",
    "BinFill",
    "MeteoraDlmm",
    "PairSwap",
    "PoolSwap",
    "apply_swap",
    "check_known_state",
    "compute_swap",
    "swap_exact_in",
]

SWAP2 = bytes.fromhex("414b3f4ceb5b5b88")
SPARE_ARRAYS = 2
# What a swap uses beside its two token transfers, measured on the program; two events.
SWAP_UNITS = 29_500
EVENT_UNITS = 2 * 1_718
UNITS_PER_BIN = 5_510


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
                read_bitmaps(accounts, pool, pair) if extension in accounts else None
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

    def mints(self, pool: Pubkey, accounts: Accounts) -> tuple[Pubkey, Pubkey]:
        """Return X and Y."""
        return read_pair(accounts, pool).mints

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        """Quote an exact input; see the module's text for what its fee and impact mean."""
        swap = swap_exact_in(pool, snapshot, mint_in, amount_in)
        return self._quote(pool, snapshot, swap)

    def _quote(self, pool: Pubkey, snapshot: Snapshot, swap: PoolSwap) -> Quote:
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
            amount_in=swap.amount_in,
            amount_out=swap.amount_out,
            vault_in_delta=inner.amount_in,
            vault_out_delta=inner.amount_out,
            fee_amount=inner.fee,
            fee_mint=pair.mints[fee_side],
            fee_bps=round_div(inner.fee * 10_000, fee_base),
            price_impact_bps=swap_impact_bps(pair, inner),
            slot=snapshot.slot,
            route_accounts=_route_accounts(pool, swap),
            compute_units=SWAP_UNITS
            + EVENT_UNITS
            + UNITS_PER_BIN * len(inner.fills)
            + TRANSFER_UNITS[swap.mint_in.token_program]
            + TRANSFER_UNITS[swap.mint_out.token_program],
        )

    def after_swap(self, quote: Quote, snapshot: Snapshot) -> dict[Pubkey, Account]:
        """Return the pair, its reserves and bin arrays after a swap like `quote`."""
        swap = swap_exact_in(quote.pool, snapshot, quote.mint_in, quote.amount_in)
        inner, reserves = swap.inner, swap.pair.reserves
        side_in, side_out = (0, 1) if inner.swap_for_y else (1, 0)
        held = {
            address: existing_account(snapshot.accounts, address, "bin array")
            for index in inner.array_indices
            for address in (bin_array_address(quote.pool, index),)
        }
        pair = existing_account(snapshot.accounts, quote.pool, "pair")
        data, arrays = apply_swap(
            pair.data,
            {address: account.data for address, account in held.items()},
            inner,
            snapshot.clock,
        )
        spot_price(swap.pair)  # no quote, and so no swap of ours, is without one
        changed = vaults_after(
            snapshot.accounts,
            reserves[side_in],
            reserves[side_out],
            arriving=inner.amount_in,
            withheld=swap.amount_in - inner.amount_in,
            leaving=inner.amount_out,
        )
        for address, account in ((quote.pool, pair), *held.items()):
            written = arrays.get(address, data)
            changed[address] = Account(account.owner, account.lamports, written)
        return changed

    def swap_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, min_amount_out: int
    ) -> Instruction:
        """Build `swap2` of `quote`, with its bin arrays and the spare ones."""
        pair = read_pair(snapshot.accounts, quote.pool)
        extension = bitmap_extension_address(quote.pool)
        has_extension = snapshot.accounts.get(extension) is not None
        source = associated_token_address(user, quote.mint_in, quote.token_program_in)
        target = associated_token_address(user, quote.mint_out, quote.token_program_out)
        token_programs = {
            quote.mint_in: quote.token_program_in,
            quote.mint_out: quote.token_program_out,
        }
        no_account = readonly(
            PROGRAM_ID
        )  # how Anchor writes an optional account left out
        accounts = [
            writable(quote.pool),
            writable(extension) if has_extension else no_account,
            writable(pair.reserves[0]),
            writable(pair.reserves[1]),
            writable(source),
            writable(target),
            readonly(pair.mints[0]),
            readonly(pair.mints[1]),
            writable(pair.oracle),
            no_account,  # host fee
            AccountMeta(user, is_signer=True, is_writable=False),
            readonly(token_programs[pair.mints[0]]),
            readonly(token_programs[pair.mints[1]]),
            readonly(MEMO_PROGRAM),
            readonly(program_address(PROGRAM_ID, b"__event_authority")),
            readonly(PROGRAM_ID),
            *map(writable, quote.route_accounts),
        ]
        # The last number counts accounts for transfer hooks, of which there are none.
        data = SWAP2 + struct.pack("<QQI", quote.amount_in, min_amount_out, 0)
        return Instruction(PROGRAM_ID, data, accounts)


def _route_accounts(pool: Pubkey, swap: PoolSwap) -> tuple[Pubkey, ...]:
    """List the bin arrays of the swap, then spare ones in case the price moves on."""
    inner = swap.inner
    spare = min(SPARE_ARRAYS, MAX_BIN_ARRAYS - len(inner.array_indices))
    return _nearest_arrays(
        pool,
        swap.bitmaps,
        inner.array_indices[0],
        inner.swap_for_y,
        len(inner.array_indices) + spare,
    )


@lru_cache(maxsize=256)
def _nearest_arrays(
    pool: Pubkey, bitmaps: Bitmaps, index: int, below: bool, count: int
) -> tuple[Pubkey, ...]:
    indices = bitmaps.nearest(index, below=below, count=count)
    return tuple(bin_array_address(pool, index) for index in indices)
