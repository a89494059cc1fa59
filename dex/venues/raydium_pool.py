"""One swap on a CPMM pool of a snapshot: reads its accounts, adds the transfer fees.

Source: raydium-io/raydium-cp-swap 609780f, `instructions/swap_base_{input,output}.rs`.
"""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Accounts, Clock, Snapshot

from .base import existing_account
from .integers import fit_u64
from .raydium_layout import (
    PROGRAM_ID,
    SWAP_DISABLED,
    PoolState,
    decode_pool,
    decode_rates,
    write_swap,
)
from .raydium_math import (
    CurveSwap,
    FeeRates,
    compute_swap_base_input,
    compute_swap_base_output,
)
from .token_2022 import Mint, TransferFee, read_mint
from .vaults import read_vault_amount


class Side(NamedTuple):
    """One token of a pool: `reserve` is what the vault holds beyond accrued fees."""

    mint: Pubkey
    vault: Pubkey
    terms: Mint
    vault_amount: int
    reserve: int


class PoolView(NamedTuple):
    """A pool that is open, seen in one direction."""

    zero_for_one: bool
    epoch: int
    side_in: Side
    side_out: Side
    rates: FeeRates


class PoolSwap(NamedTuple):
    """One swap with its transfer fees.

    `amount_in` leaves the trader, `curve.amount_in` of it arrives in the vault;
    `curve.amount_out` leaves the vault, `amount_out` of it arrives at the trader.
    """

    view: PoolView
    amount_in: int
    amount_out: int
    curve: CurveSwap


def swap_exact_in(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
) -> PoolSwap:
    """Compute `swap_base_input`; raises QuoteRefused where the program fails.

    The last swap of a pool is remembered: what is quoted is often applied next.
    """
    asked = mint_in, amount_in
    last = snapshot.decoded.get((PoolSwap, pool))
    if last is not None and last[0] == asked:
        return last[1]  # type: ignore[no-any-return]
    swap = _swap_exact_in(_view(pool, snapshot, mint_in), amount_in)
    snapshot.decoded[PoolSwap, pool] = asked, swap
    return swap


def _swap_exact_in(view: PoolView, amount_in: int) -> PoolSwap:
    side_in, side_out = view.side_in, view.side_out
    fit_u64(amount_in, "the amount")
    arriving = amount_in - side_in.terms.transfer_fee.of(amount_in)
    if arriving <= 0:
        raise _nothing("Nothing of this amount would reach the pool.")
    curve = compute_swap_base_input(
        arriving, side_in.reserve, side_out.reserve, view.rates
    )
    fit_u64(side_in.vault_amount + arriving, "the vault's balance")
    received = curve.amount_out - side_out.terms.transfer_fee.of(curve.amount_out)
    if received <= 0:
        raise _nothing("The transfer fee would take all of the output.")
    return PoolSwap(view, amount_in, received, curve)


def swap_exact_out(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_out: int
) -> PoolSwap:
    """Compute `swap_base_output` for the `amount_out` that arrives at the trader.

    Raises QuoteRefused where the program fails.
    """
    view = _view(pool, snapshot, mint_in)
    side_in, side_out = view.side_in, view.side_out
    if amount_out <= 0:
        raise _nothing("The output must be positive.")
    sent = _with_transfer_fee(amount_out, side_out.terms.transfer_fee)
    curve = compute_swap_base_output(
        sent, side_in.reserve, side_out.reserve, view.rates
    )
    paid = _with_transfer_fee(curve.amount_in, side_in.terms.transfer_fee)
    fit_u64(side_in.vault_amount + curve.amount_in, "the vault's balance")
    return PoolSwap(view, paid, amount_out, curve)


def apply_swap(pool_data: bytes, swap: PoolSwap) -> bytes:
    """Return the bytes of the pool state after `swap`, as the program writes them.

    The token program moves the vaults. The observation account changes too, but no quote
    reads it.
    """
    view = swap.view
    return write_swap(
        pool_data, swap.curve, zero_for_one=view.zero_for_one, epoch=view.epoch
    )


def read_pool(accounts: Accounts, pool: Pubkey) -> PoolState:
    """Read the pool state itself; raises QuoteRefused."""
    account = existing_account(accounts, pool, "pool")
    if account.owner != PROGRAM_ID:
        raise _unreadable(f"{pool} does not belong to Raydium CPMM.")
    return decode_pool(account.data)


def _view(pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey) -> PoolView:
    key = PoolView, pool, mint_in
    return snapshot.once(key, _read_view, pool, snapshot, mint_in)


def _read_view(pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey) -> PoolView:
    state = read_pool(snapshot.accounts, pool)
    _check_open(state, snapshot.clock)
    if mint_in not in state.mints:
        raise _unreadable(f"The pool does not trade {mint_in}.")
    index_in = state.mints.index(mint_in)
    config = existing_account(snapshot.accounts, state.config, "fee tier")
    if config.owner != PROGRAM_ID:
        raise _unreadable("The fee tier does not belong to Raydium CPMM.")
    return PoolView(
        zero_for_one=index_in == 0,
        epoch=snapshot.clock.epoch,
        side_in=_read_side(snapshot, state, index_in),
        side_out=_read_side(snapshot, state, 1 - index_in),
        rates=decode_rates(config.data, state, zero_for_one=index_in == 0),
    )


def _check_open(state: PoolState, clock: Clock) -> None:
    if state.status & SWAP_DISABLED:
        raise QuoteRefused("pool_disabled", "Swaps are switched off in this pool.")
    if clock.unix_timestamp < state.open_time:
        raise QuoteRefused(
            "pool_not_open", f"The pool opens at unix time {state.open_time}."
        )


def _read_side(snapshot: Snapshot, state: PoolState, index: int) -> Side:
    mint, vault = state.mints[index], state.vaults[index]
    terms = read_mint(snapshot.accounts, mint, snapshot.clock.epoch)
    if terms.token_program != state.token_programs[index]:
        raise _unreadable(f"{mint} is not of the pool's token program.")
    amount = read_vault_amount(snapshot.accounts, vault, mint, terms.token_program)
    return Side(mint, vault, terms, amount, amount - state.accrued_fees[index])


def _with_transfer_fee(received: int, fee: TransferFee) -> int:
    """Return what to send so that `received` arrives; raises QuoteRefused.

    The program computes the fee both ways and fails when they differ.
    """
    on_top = fee.on_top_of(received)
    sent = fit_u64(received + on_top, "the amount with its transfer fee")
    if fee.of(sent) != on_top:
        raise _nothing("The transfer fee cannot be met exactly for this amount.")
    return sent


def _nothing(reason: str) -> QuoteRefused:
    return QuoteRefused("zero_output", f"{reason} Use another amount.")


def _unreadable(reason: str) -> QuoteRefused:
    return QuoteRefused("pool_unreadable", reason)
