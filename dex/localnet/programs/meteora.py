"""Meteora DLMM: swap2.

Checks: MeteoraAg/dlmm-sdk, `idls/dlmm.json`. The arithmetic and the state it writes are
the venue's own. The oracle is left untouched (no quote reads it), and the event, which the
program sends to itself, is left out. Swaps of pairs with farming rewards are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import program_address
from dex.types import Snapshot
from dex.venues import meteora
from dex.venues.dlmm_bitmaps import bitmap_extension_address

from . import token_layout as layout
from .anchor import (
    CONSTRAINT_HAS_ONE,
    CONSTRAINT_RAW,
    CONSTRAINT_SEEDS,
    INVALID_PROGRAM,
    NOT_ENOUGH_KEYS,
    WRONG_OWNER,
    compute,
    refuse,
    require_address,
    require_keys,
    require_signer,
    snapshot,
    token_account,
    transfer,
)
from .invocation import Invocation

EVENT_AUTHORITY = program_address(meteora.PROGRAM_ID, b"__event_authority")
EXCEEDED_SLIPPAGE = (6003, "ExceededAmountSlippageTolerance")
ERRORS = {
    "accounts_missing": (NOT_ENOUGH_KEYS, ""),
    "pool_unreadable": (WRONG_OWNER, ""),
    "no_liquidity": (6012, "PairInsufficientLiquidity"),
    "zero_output": (6039, "InvalidAmount"),
    "pool_disabled": (6042, "PairDisabled"),
    "pool_not_open": (6042, "PairDisabled"),
}

# Positions of the accounts; the bin arrays follow.
(
    PAIR,
    BITMAP_EXTENSION,
    RESERVE_X,
    RESERVE_Y,
    USER_IN,
    USER_OUT,
    MINT_X,
    MINT_Y,
    ORACLE,
    _HOST_FEE,
    USER,
    PROGRAM_X,
    PROGRAM_Y,
    _MEMO,
    EVENTS,
    PROGRAM,
) = range(16)
BIN_ARRAYS = 16


def process(call: Invocation) -> None:
    """Run one swap2 instruction; InvalidInstructionData for anything else."""
    if call.data[:8] != meteora.SWAP2:
        raise InstructionError("InvalidInstructionData")
    call.log("Instruction: Swap2")
    call.consume(meteora.SWAP_UNITS)
    try:
        amount_in, min_amount_out, hooks = struct.unpack("<QQI", call.data[8:])
    except struct.error:
        raise InstructionError("InvalidInstructionData") from None
    if hooks:
        raise InstructionError("InvalidInstructionData")
    _check_accounts(call)
    swap_for_y = _direction(call)
    mint_in = call.address(MINT_X if swap_for_y else MINT_Y)
    swap = compute(
        call,
        ERRORS,
        lambda: meteora.swap_exact_in(
            call.address(PAIR), _snapshot(call), mint_in, amount_in
        ),
    )
    call.consume(meteora.UNITS_PER_BIN * len(swap.inner.fills))
    if swap.amount_out < min_amount_out:
        raise refuse(call, *EXCEEDED_SLIPPAGE)
    _write_state(call, swap.inner)
    _move_tokens(call, swap, swap_for_y=swap_for_y)


def _check_accounts(call: Invocation) -> None:
    require_keys(call, BIN_ARRAYS)
    pair = call.account(PAIR)
    if pair.owner != call.program or len(pair.data) < 904:
        raise refuse(call, WRONG_OWNER)
    for position, offset in (
        (MINT_X, 88),
        (MINT_Y, 120),
        (RESERVE_X, 152),
        (RESERVE_Y, 184),
        (ORACLE, 552),
    ):
        expected = Pubkey(pair.data[offset : offset + 32])
        require_address(call, position, expected, CONSTRAINT_HAS_ONE)
    require_signer(call, USER)
    require_address(call, EVENTS, EVENT_AUTHORITY, CONSTRAINT_SEEDS)
    require_address(call, PROGRAM, call.program, INVALID_PROGRAM)
    extension = call.address(BITMAP_EXTENSION)
    expected = bitmap_extension_address(call.address(PAIR))
    if extension not in (expected, call.program):
        raise refuse(call, WRONG_OWNER)


def _direction(call: Invocation) -> bool:
    """Return True for X → Y; both mints must be the pair's."""
    mints = call.address(MINT_X), call.address(MINT_Y)
    given = layout.mint_of(token_account(call, USER_IN))
    wanted = layout.mint_of(token_account(call, USER_OUT))
    if (given, wanted) == mints:
        return True
    if (wanted, given) == mints:
        return False
    raise refuse(call, CONSTRAINT_RAW)


def _snapshot(call: Invocation) -> Snapshot:
    """Name the bitmap extension as absent when the caller left it out."""
    seen = snapshot(call)
    extension = bitmap_extension_address(call.address(PAIR))
    return replace(seen, accounts={extension: None, **seen.accounts})


def _write_state(call: Invocation, swap: meteora.PairSwap) -> None:
    positions: Mapping[Pubkey, int] = {
        call.address(position): position
        for position in range(BIN_ARRAYS, len(call.accounts))
    }
    pair = call.account(PAIR)
    arrays = {
        address: call.account(position).data for address, position in positions.items()
    }
    pair_data, changed = compute(
        call,
        ERRORS,
        lambda: meteora.apply_swap(pair.data, arrays, swap, call.execution.clock),
    )
    call.write(PAIR, replace(pair, data=pair_data))
    for address, data in changed.items():
        if data != arrays[address]:
            position = positions[address]
            call.write(position, replace(call.account(position), data=data))


def _move_tokens(call: Invocation, swap: meteora.PoolSwap, *, swap_for_y: bool) -> None:
    x, y = (MINT_X, RESERVE_X, PROGRAM_X), (MINT_Y, RESERVE_Y, PROGRAM_Y)
    given, wanted = (x, y) if swap_for_y else (y, x)
    pair = call.address(PAIR)
    transfer(
        call,
        swap.amount_in,
        source=USER_IN,
        mint=given[0],
        target=given[1],
        authority=call.address(USER),
        token_program=call.address(given[2]),
    )
    transfer(
        call,
        swap.inner.amount_out,
        source=wanted[1],
        mint=wanted[0],
        target=USER_OUT,
        authority=pair,
        token_program=call.address(wanted[2]),
        signed_by=(pair,),
    )
