"""Raydium CPMM: swap_base_input and swap_base_output.

Checks and event: raydium-cp-swap, `instructions/swap_base_*.rs`, `states/events.rs`. The
arithmetic is the venue's own. The observation account is left untouched: no quote reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import program_address
from dex.solana.error_names import RAYDIUM
from dex.venues import raydium
from dex.venues.raydium_layout import POOL_DISCRIMINATOR, POOL_SIZE, decode_pool

from . import token_layout as layout
from .anchor import (
    CONSTRAINT_RAW,
    CONSTRAINT_SEEDS,
    NOT_DESERIALIZED,
    REQUIRE_GT,
    WRONG_OWNER,
    AnchorProgram,
    compute,
    owned_account,
    refuse,
    require_address,
    require_keys,
    require_signer,
    snapshot,
    token_account,
    transfer,
)
from .invocation import Invocation

SWAP_EVENT = bytes.fromhex("40c6cde8260871e2")
AUTHORITY = program_address(raydium.PROGRAM_ID, b"vault_and_lp_mint_auth_seed")
PROGRAM_ERRORS = AnchorProgram(
    errors=RAYDIUM,
    messages={
        6000: "Not approved",
        6005: "Exceeds desired slippage limit",
        6006: "Given pool token amount results in zero trading tokens",
        6008: "invaild vault",  # as the program spells it
        6011: "Math overflow",
        6012: "Insufficient vault",
        6013: "Invalid fee model",
    },
    accounts=(
        *("payer", "authority", "amm_config", "pool_state"),
        *("input_token_account", "output_token_account", "input_vault", "output_vault"),
        *("input_token_program", "output_token_program"),
        *("input_token_mint", "output_token_mint", "observation_state"),
    ),
)
EXCEEDED_SLIPPAGE, INVALID_VAULT, INSUFFICIENT_VAULT = 6005, 6008, 6012
# Of a pool whose kind is known: its fees overflow, or are of an unknown kind.
DECODING = {"math_overflow": 6011, "pool_unreadable": 6013}
CODES: Mapping[str, int | str] = {
    "pool_disabled": 6000,
    "pool_not_open": 6000,
    "zero_output": REQUIRE_GT,  # the program compares what arrives with 0
    "no_liquidity": 6006,
    "math_overflow": 6006,
    "pool_unreadable": WRONG_OWNER,
}

# Positions of the accounts.
(
    PAYER,
    POOL_AUTHORITY,
    CONFIG,
    POOL,
    USER_IN,
    USER_OUT,
    VAULT_IN,
    VAULT_OUT,
    PROGRAM_IN,
    PROGRAM_OUT,
    MINT_IN,
    MINT_OUT,
    OBSERVATION,
) = range(13)


def process(call: Invocation) -> None:
    """Run one swap instruction; InvalidInstructionData for anything else."""
    kind = call.data[:8]
    if kind not in (raydium.SWAP_BASE_INPUT, raydium.SWAP_BASE_OUTPUT):
        raise InstructionError("InvalidInstructionData")
    exact_in = kind == raydium.SWAP_BASE_INPUT
    call.log(f"Instruction: {'SwapBaseInput' if exact_in else 'SwapBaseOutput'}")
    call.consume(raydium.SWAP_UNITS)
    try:
        first, second = struct.unpack("<QQ", call.data[8:])
    except struct.error:
        raise refuse(call, PROGRAM_ERRORS, NOT_DESERIALIZED) from None
    _check_accounts(call)
    mint_in, pool = call.address(MINT_IN), call.address(POOL)
    if exact_in:
        swap = compute(
            call,
            PROGRAM_ERRORS,
            _codes(call),
            lambda: raydium.swap_exact_in(pool, snapshot(call), mint_in, first),
        )
        most, least = swap.amount_out, second
    else:
        swap = compute(
            call,
            PROGRAM_ERRORS,
            _codes(call),
            lambda: raydium.swap_exact_out(pool, snapshot(call), mint_in, second),
        )
        most, least = first, swap.amount_in
    if most < least:
        error = refuse(call, PROGRAM_ERRORS, EXCEEDED_SLIPPAGE)
        call.log(f"Left: {most}")
        call.log(f"Right: {least}")
        raise error
    call.log_data(_event(call, swap, exact_in=exact_in))
    _settle(call, swap)


def _codes(call: Invocation) -> dict[str, int | str]:
    """What each refusal is here: the program divides by both reserves for its prices."""
    data = call.account(POOL).data
    pool = compute(call, PROGRAM_ERRORS, DECODING, lambda: decode_pool(data))
    forward = call.address(VAULT_IN) == pool.vaults[0]
    accrued = pool.accrued_fees if forward else pool.accrued_fees[::-1]
    least = min(
        layout.amount_of(call.account(vault).data) - fees
        for vault, fees in zip((VAULT_IN, VAULT_OUT), accrued, strict=True)
    )
    codes = dict(CODES)
    if least < 0:
        codes["no_liquidity"] = INSUFFICIENT_VAULT
    elif least == 0:
        codes["no_liquidity"] = "ProgramFailedToComplete"
    return codes


def _check_accounts(call: Invocation) -> None:
    require_keys(call, PROGRAM_ERRORS)
    require_signer(call, PROGRAM_ERRORS, PAYER)
    require_address(call, PROGRAM_ERRORS, POOL_AUTHORITY, AUTHORITY, CONSTRAINT_SEEDS)
    pool = owned_account(call, PROGRAM_ERRORS, POOL, POOL_DISCRIMINATOR, POOL_SIZE)
    require_address(call, PROGRAM_ERRORS, CONFIG, Pubkey(pool[8:40]))
    vaults = Pubkey(pool[72:104]), Pubkey(pool[104:136])
    for user, vault, mint in (
        (USER_IN, VAULT_IN, MINT_IN),
        (USER_OUT, VAULT_OUT, MINT_OUT),
    ):
        token_account(call, PROGRAM_ERRORS, user)
        if call.address(vault) not in vaults:
            raise refuse(call, PROGRAM_ERRORS, CONSTRAINT_RAW, vault)
        vault_mint = layout.mint_of(token_account(call, PROGRAM_ERRORS, vault))
        require_address(call, PROGRAM_ERRORS, mint, vault_mint)
    if call.address(VAULT_IN) == call.address(VAULT_OUT):
        raise refuse(call, PROGRAM_ERRORS, INVALID_VAULT)
    require_address(call, PROGRAM_ERRORS, OBSERVATION, Pubkey(pool[296:328]))


def _settle(call: Invocation, swap: raydium.PoolSwap) -> None:
    """Write the pool's fees, then move both tokens."""
    pool = call.account(POOL)
    call.write(POOL, replace(pool, data=raydium.apply_swap(pool.data, swap)))
    transfer(
        call,
        swap.amount_in,
        source=USER_IN,
        mint=MINT_IN,
        target=VAULT_IN,
        authority=call.address(PAYER),
        token_program=call.address(PROGRAM_IN),
    )
    transfer(
        call,
        swap.curve.amount_out,
        source=VAULT_OUT,
        mint=MINT_OUT,
        target=USER_OUT,
        authority=AUTHORITY,
        token_program=call.address(PROGRAM_OUT),
        signed_by=(AUTHORITY,),
    )


def _event(call: Invocation, swap: raydium.PoolSwap, *, exact_in: bool) -> bytes:
    """Encode SwapEvent; its amounts are those of the pool, without transfer fees."""
    curve = swap.curve
    return SWAP_EVENT + struct.pack(
        "<32sQQQQQQ?32s32sQQ?",
        bytes(call.address(POOL)),
        swap.view.side_in.reserve,
        swap.view.side_out.reserve,
        curve.amount_in,
        curve.amount_out,
        swap.amount_in - curve.amount_in,
        curve.amount_out - swap.amount_out,
        exact_in,
        bytes(call.address(MINT_IN)),
        bytes(call.address(MINT_OUT)),
        curve.trade_fee,
        curve.creator_fee,
        curve.creator_fee_on_input,
    )
