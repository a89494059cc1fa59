"""Raydium CPMM (program CPMMoo8L…, also called CP-Swap): constant product pools.

A quote is what `swap_base_input` of raydium-io/raydium-cp-swap 609780f pays, to the base
unit. Its fee is the trade fee and, when taken from the input, the creator's fee; both are
in the input token. A creator's fee on the output lowers the output and is part of
`fee_bps` alone. The price impact compares the curve's output with the reserves' ratio.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import associated_token_address, program_address
from dex.types import Accounts, Clock, Quote, Snapshot

from .base import existing_account
from .integers import fit_u64, price_impact_bps, round_div
from .raydium_layout import (
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
from .token_2022 import Mint, TransferFee, read_mint, read_vault_amount

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

PROGRAM_ID = Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
SWAP_BASE_INPUT = bytes.fromhex("8fbe5adac41e33de")
SWAP_BASE_OUTPUT = bytes.fromhex("37d96256a34ab4ad")


@dataclass(frozen=True, slots=True)
class PoolSwap:
    """One swap with its transfer fees, and what the pool state needs to record it.

    `amount_in` leaves the trader, `curve.amount_in` of it arrives in the vault;
    `curve.amount_out` leaves the vault, `amount_out` of it arrives at the trader.
    """

    zero_for_one: bool
    epoch: int
    amount_in: int
    amount_out: int
    reserve_in: int
    reserve_out: int
    rates: FeeRates
    curve: CurveSwap


@dataclass(frozen=True, slots=True)
class _Side:
    """One token of the pool as this swap sees it."""

    address: Pubkey
    vault: Pubkey
    mint: Mint
    vault_amount: int
    reserve: int


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

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        """Quote an exact input; see the module's text for what its fee and impact mean."""
        state = _read_pool(snapshot.accounts, pool)
        zero_for_one = _direction(state, mint_in)
        side_in, side_out = _read_sides(snapshot, state, zero_for_one=zero_for_one)
        swap = _swap_in(snapshot, state, side_in, side_out, amount_in, zero_for_one)
        curve = swap.curve
        return Quote(
            venue=self.name,
            pool=pool,
            mint_in=side_in.address,
            mint_out=side_out.address,
            token_program_in=side_in.mint.token_program,
            token_program_out=side_out.mint.token_program,
            vault_in=side_in.vault,
            vault_out=side_out.vault,
            amount_in=amount_in,
            amount_out=swap.amount_out,
            vault_in_delta=curve.amount_in,
            vault_out_delta=curve.amount_out,
            fee_amount=curve.trade_fee
            + (curve.creator_fee if curve.creator_fee_on_input else 0),
            fee_mint=side_in.address,
            fee_bps=round_div(swap.rates.trade + swap.rates.creator, 100),
            price_impact_bps=price_impact_bps(
                curve.curve_in * swap.reserve_out, curve.curve_out * swap.reserve_in
            ),
            slot=snapshot.slot,
        )

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


def swap_exact_in(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
) -> PoolSwap:
    """Compute `swap_base_input`; raises QuoteRefused where the program fails."""
    state = _read_pool(snapshot.accounts, pool)
    zero_for_one = _direction(state, mint_in)
    side_in, side_out = _read_sides(snapshot, state, zero_for_one=zero_for_one)
    return _swap_in(snapshot, state, side_in, side_out, amount_in, zero_for_one)


def swap_exact_out(
    pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_out: int
) -> PoolSwap:
    """Compute `swap_base_output`; `amount_out` is what arrives. Raises QuoteRefused."""
    state = _read_pool(snapshot.accounts, pool)
    zero_for_one = _direction(state, mint_in)
    side_in, side_out = _read_sides(snapshot, state, zero_for_one=zero_for_one)
    if amount_out <= 0:
        raise QuoteRefused("zero_output", "Ask for a positive amount.")
    sent = fit_u64(
        amount_out + _checked_inverse(side_out.mint.transfer_fee, amount_out),
        "the output",
    )
    rates = _read_rates(snapshot.accounts, state, zero_for_one=zero_for_one)
    curve = compute_swap_base_output(sent, side_in.reserve, side_out.reserve, rates)
    paid = curve.amount_in + _checked_inverse(
        side_in.mint.transfer_fee, curve.amount_in
    )
    fit_u64(paid, "the input")
    fit_u64(side_in.vault_amount + curve.amount_in, "the vault's balance")
    return PoolSwap(
        zero_for_one=zero_for_one,
        epoch=snapshot.clock.epoch,
        amount_in=paid,
        amount_out=amount_out,
        reserve_in=side_in.reserve,
        reserve_out=side_out.reserve,
        rates=rates,
        curve=curve,
    )


def apply_swap(pool_data: bytes, swap: PoolSwap) -> bytes:
    """Return the bytes of the pool state after `swap`, as the program writes them.

    The vaults are moved by the token program. The observation account is left out: no
    quote reads it.
    """
    return write_swap(
        pool_data, swap.curve, zero_for_one=swap.zero_for_one, epoch=swap.epoch
    )


def _read_pool(accounts: Accounts, pool: Pubkey) -> PoolState:
    account = existing_account(accounts, pool, "pool")
    if account.owner != PROGRAM_ID:
        raise QuoteRefused(
            "pool_unreadable", f"{pool} does not belong to Raydium CPMM."
        )
    return decode_pool(account.data)


def _direction(state: PoolState, mint_in: Pubkey) -> bool:
    """Return True for token 0 → token 1."""
    if mint_in not in state.mints:
        raise QuoteRefused("pool_unreadable", f"The pool does not trade {mint_in}.")
    return mint_in == state.mints[0]


def _check_open(state: PoolState, clock: Clock) -> None:
    if state.status & SWAP_DISABLED:
        raise QuoteRefused("pool_disabled", "Swaps are switched off in this pool.")
    if clock.unix_timestamp < state.open_time:
        raise QuoteRefused(
            "pool_not_open", f"The pool opens at unix time {state.open_time}."
        )


def _read_sides(
    snapshot: Snapshot, state: PoolState, *, zero_for_one: bool
) -> tuple[_Side, _Side]:
    """Read both tokens, input first, of a pool that is open now."""
    _check_open(state, snapshot.clock)
    side0, side1 = _read_side(snapshot, state, 0), _read_side(snapshot, state, 1)
    return (side0, side1) if zero_for_one else (side1, side0)


def _read_side(snapshot: Snapshot, state: PoolState, index: int) -> _Side:
    address, vault = state.mints[index], state.vaults[index]
    mint = read_mint(snapshot.accounts, address, snapshot.clock.epoch)
    if mint.token_program != state.token_programs[index]:
        raise QuoteRefused(
            "pool_unreadable", f"{address} is not of the pool's token program."
        )
    amount = read_vault_amount(snapshot.accounts, vault, address, mint.token_program)
    return _Side(address, vault, mint, amount, amount - state.accrued_fees[index])


def _read_rates(
    accounts: Accounts, state: PoolState, *, zero_for_one: bool
) -> FeeRates:
    config = existing_account(accounts, state.config, "fee tier")
    if config.owner != PROGRAM_ID:
        raise QuoteRefused(
            "pool_unreadable", "The fee tier does not belong to Raydium CPMM."
        )
    return decode_rates(config.data, state, zero_for_one=zero_for_one)


def _swap_in(
    snapshot: Snapshot,
    state: PoolState,
    side_in: _Side,
    side_out: _Side,
    amount_in: int,
    zero_for_one: bool,
) -> PoolSwap:
    fit_u64(amount_in, "the amount")
    arriving = amount_in - side_in.mint.transfer_fee.of(amount_in)
    if arriving <= 0:
        raise QuoteRefused(
            "zero_output", "Nothing of this amount would reach the pool."
        )
    rates = _read_rates(snapshot.accounts, state, zero_for_one=zero_for_one)
    curve = compute_swap_base_input(arriving, side_in.reserve, side_out.reserve, rates)
    received = curve.amount_out - side_out.mint.transfer_fee.of(curve.amount_out)
    if received <= 0:
        raise QuoteRefused(
            "zero_output", "The transfer fee would take all of the output."
        )
    fit_u64(side_in.vault_amount + arriving, "the vault's balance")
    return PoolSwap(
        zero_for_one=zero_for_one,
        epoch=snapshot.clock.epoch,
        amount_in=amount_in,
        amount_out=received,
        reserve_in=side_in.reserve,
        reserve_out=side_out.reserve,
        rates=rates,
        curve=curve,
    )


def _checked_inverse(fee: TransferFee, received: int) -> int:
    """Return the transfer fee on top; the program refuses when it does not match itself."""
    on_top = fee.on_top_of(received)
    if fee.basis_points < 10_000 and fee.of(received + on_top) != on_top:
        raise QuoteRefused(
            "zero_output",
            "The transfer fee cannot be met exactly for this amount; use another.",
        )
    return on_top


def _swap_instruction(
    quote: Quote, snapshot: Snapshot, user: Pubkey, data: bytes
) -> Instruction:
    state = _read_pool(snapshot.accounts, quote.pool)
    authority = program_address(PROGRAM_ID, b"vault_and_lp_mint_auth_seed")
    source = associated_token_address(user, quote.mint_in, quote.token_program_in)
    target = associated_token_address(user, quote.mint_out, quote.token_program_out)
    accounts = [
        AccountMeta(user, is_signer=True, is_writable=False),
        _readonly(authority),
        _readonly(state.config),
        _writable(quote.pool),
        _writable(source),
        _writable(target),
        _writable(quote.vault_in),
        _writable(quote.vault_out),
        _readonly(quote.token_program_in),
        _readonly(quote.token_program_out),
        _readonly(quote.mint_in),
        _readonly(quote.mint_out),
        _writable(state.observation),
    ]
    return Instruction(PROGRAM_ID, data, accounts)


def _readonly(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
