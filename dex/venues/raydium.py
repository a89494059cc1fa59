"""Raydium CPMM (program CPMMoo8L…, also called CP-Swap): constant product pools.

A quote is what `swap_base_input` of raydium-io/raydium-cp-swap 609780f pays, to the base
unit. Its fee is the trade fee and, when taken from the input, the creator's fee; both are
in the input token. A creator's fee on the output lowers the output and is part of
`fee_bps` alone. The price impact compares the curve's output with the reserves' ratio.
"""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import associated_token_address, program_address
from dex.types import Account, Accounts, Quote, Snapshot

from .base import existing_account, readonly, writable
from .integers import price_impact_bps, round_div
from .raydium_layout import PROGRAM_ID, decode_pool
from .raydium_math import (
    CurveSwap,
    FeeRates,
    compute_swap_base_input,
    compute_swap_base_output,
)
from .raydium_pool import (
    PoolSwap,
    apply_swap,
    read_pool,
    swap_exact_in,
    swap_exact_out,
)
from .vaults import TRANSFER_UNITS, vaults_after

__all__ = [
    "PROGRAM_ID",
    "CurveSwap",
    "FeeRates",
    "PoolSwap",
    "RaydiumCpmm",
    "apply_swap",
    "compute_swap_base_input",
    "compute_swap_base_output",
    "swap_exact_in",
    "swap_exact_out",
]

SWAP_BASE_INPUT = bytes.fromhex("8fbe5adac41e33de")
SWAP_BASE_OUTPUT = bytes.fromhex("37d96256a34ab4ad")
# What a swap uses beside its two token transfers.
SWAP_UNITS = 28_000


class RaydiumCpmm:
    """The venue `raydium`."""

    name = "raydium"
    program_id = PROGRAM_ID

    def addresses(self, pool: Pubkey, accounts: Accounts) -> list[Pubkey]:
        """List the pool, then its fee tier, vaults and mints."""
        account = accounts.get(pool)
        if account is None or account.owner != PROGRAM_ID:
            return [pool]
        try:
            state = decode_pool(account.data)
        except QuoteRefused:  # quote() says why
            return [pool]
        return [pool, state.config, *state.vaults, *state.mints]

    def mints(self, pool: Pubkey, accounts: Accounts) -> tuple[Pubkey, Pubkey]:
        """Return tokens 0 and 1."""
        return read_pool(accounts, pool).mints

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        """Quote an exact input; the module says what its fee and impact mean."""
        swap = swap_exact_in(pool, snapshot, mint_in, amount_in)
        return self._quote(pool, snapshot, swap)

    def _quote(self, pool: Pubkey, snapshot: Snapshot, swap: PoolSwap) -> Quote:
        view, curve = swap.view, swap.curve
        side_in, side_out, rates = view.side_in, view.side_out, view.rates
        creator_fee = curve.creator_fee if curve.creator_fee_on_input else 0
        return Quote(
            venue=self.name,
            pool=pool,
            mint_in=side_in.mint,
            mint_out=side_out.mint,
            token_program_in=side_in.terms.token_program,
            token_program_out=side_out.terms.token_program,
            vault_in=side_in.vault,
            vault_out=side_out.vault,
            amount_in=swap.amount_in,
            amount_out=swap.amount_out,
            vault_in_delta=curve.amount_in,
            vault_out_delta=curve.amount_out,
            fee_amount=curve.trade_fee + creator_fee,
            fee_mint=side_in.mint,
            fee_bps=round_div(rates.trade + rates.creator, 100),
            price_impact_bps=price_impact_bps(
                curve.curve_in * side_out.reserve // side_in.reserve, curve.curve_out
            ),
            slot=snapshot.slot,
            compute_units=SWAP_UNITS
            + TRANSFER_UNITS[side_in.terms.token_program]
            + TRANSFER_UNITS[side_out.terms.token_program],
        )

    def after_swap(self, quote: Quote, snapshot: Snapshot) -> dict[Pubkey, Account]:
        """Return the pool and its vaults after a swap like `quote`."""
        swap = swap_exact_in(quote.pool, snapshot, quote.mint_in, quote.amount_in)
        pool = existing_account(snapshot.accounts, quote.pool, "pool")
        data = apply_swap(pool.data, swap)
        changed = vaults_after(
            snapshot.accounts,
            swap.view.side_in.vault,
            swap.view.side_out.vault,
            arriving=swap.curve.amount_in,
            withheld=swap.amount_in - swap.curve.amount_in,
            leaving=swap.curve.amount_out,
        )
        changed[quote.pool] = Account(pool.owner, pool.lamports, data)
        return changed

    def swap_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, min_amount_out: int
    ) -> Instruction:
        """Build `swap_base_input` of `quote`."""
        data = SWAP_BASE_INPUT + struct.pack("<QQ", quote.amount_in, min_amount_out)
        return _swap_instruction(quote, snapshot, user, data)

    def swap_exact_out_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, max_amount_in: int
    ) -> Instruction:
        """Build `swap_base_output` for exactly the output of `quote`."""
        data = SWAP_BASE_OUTPUT + struct.pack("<QQ", max_amount_in, quote.amount_out)
        return _swap_instruction(quote, snapshot, user, data)


def _swap_instruction(
    quote: Quote, snapshot: Snapshot, user: Pubkey, data: bytes
) -> Instruction:
    """Both swaps take the same accounts; source: `swap_base_input.rs`, struct Swap."""
    state = read_pool(snapshot.accounts, quote.pool)
    source = associated_token_address(user, quote.mint_in, quote.token_program_in)
    target = associated_token_address(user, quote.mint_out, quote.token_program_out)
    accounts = [
        AccountMeta(user, is_signer=True, is_writable=False),
        readonly(program_address(PROGRAM_ID, b"vault_and_lp_mint_auth_seed")),
        readonly(state.config),
        writable(quote.pool),
        writable(source),
        writable(target),
        writable(quote.vault_in),
        writable(quote.vault_out),
        readonly(quote.token_program_in),
        readonly(quote.token_program_out),
        readonly(quote.mint_in),
        readonly(quote.mint_out),
        writable(state.observation),
    ]
    return Instruction(PROGRAM_ID, data, accounts)
