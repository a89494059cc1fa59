"""Meteora DLMM: swap2.

Checks and errors: MeteoraAg/dlmm-sdk, `idls/dlmm.json` 0.12. The arithmetic and the state
it writes are the venue's own. The oracle is left untouched: no quote reads it. Swaps that
leave a state which is not known are refused: those of pairs with farming rewards, and
those with an account for host fees.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import program_address
from dex.solana.error_names import METEORA
from dex.types import Snapshot
from dex.venues import meteora
from dex.venues.dlmm_bitmaps import bitmap_extension_address
from dex.venues.dlmm_layout import PAIR_DISCRIMINATOR, PAIR_SIZE

from . import token_layout as layout
from .anchor import (
    CONSTRAINT_RAW,
    CONSTRAINT_SEEDS,
    INVALID_PROGRAM,
    NOT_DESERIALIZED,
    NOT_ENOUGH_KEYS,
    WRONG_OWNER,
    AnchorProgram,
    compute,
    emit,
    is_event,
    owned_account,
    refuse,
    require_address,
    require_has_one,
    require_keys,
    require_signer,
    snapshot,
    token_account,
    transfer,
)
from .invocation import Invocation
from .meteora_events import encode_swap, encode_swap2

EVENT_AUTHORITY = program_address(meteora.PROGRAM_ID, b"__event_authority")
EVENT_UNITS = 772
PROGRAM_ERRORS = AnchorProgram(
    errors=METEORA,
    messages={
        6003: "Exceeded amount slippage tolerance",
        6018: "Math operation overflow",
        6036: "Bitmap extension account is not provided",
        6037: "Cannot find non-zero liquidity binArrayId",
        6039: "Insufficient amount in for minimum out",
        6042: "Pool disabled",
    },
    accounts=(
        *("lb_pair", "bin_array_bitmap_extension", "reserve_x", "reserve_y"),
        *("user_token_in", "user_token_out", "token_x_mint", "token_y_mint"),
        *("oracle", "host_fee_in", "user", "token_x_program", "token_y_program"),
        *("memo_program", "event_authority", "program"),
    ),
)
EXCEEDED_SLIPPAGE = 6003
WITHOUT_EXTENSION, NO_MORE_LIQUIDITY = 6036, 6037
CODES: Mapping[str, int | str] = {
    "accounts_missing": NOT_ENOUGH_KEYS,
    "pool_unreadable": WRONG_OWNER,
    "math_overflow": 6018,
    "zero_output": 6039,
    "pool_disabled": 6042,
    "pool_not_open": 6042,
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
    HOST_FEE,
    USER,
    PROGRAM_X,
    PROGRAM_Y,
    _MEMO,
    EVENTS,
    PROGRAM,
) = range(16)
BIN_ARRAYS = 16


def process(call: Invocation) -> None:
    """Run one swap2, or take an event; InvalidInstructionData for anything else."""
    if is_event(call.data):
        require_signer(call, PROGRAM_ERRORS, 0)
        call.consume(EVENT_UNITS)
        return
    if call.data[:8] != meteora.SWAP2:
        raise InstructionError("InvalidInstructionData")
    call.log("Instruction: Swap2")
    call.consume(meteora.SWAP_UNITS)
    try:
        amount_in, min_amount_out, hooks = struct.unpack("<QQI", call.data[8:])
    except struct.error:
        raise refuse(call, PROGRAM_ERRORS, NOT_DESERIALIZED) from None
    if hooks:
        raise _unsupported(call, "accounts of transfer hooks")
    _check_accounts(call)
    swap_for_y = _direction(call)
    mint_in = call.address(MINT_X if swap_for_y else MINT_Y)
    swap = compute(
        call,
        PROGRAM_ERRORS,
        _codes(call),
        lambda: meteora.swap_exact_in(
            call.address(PAIR), _snapshot(call), mint_in, amount_in
        ),
    )
    call.consume(meteora.UNITS_PER_BIN * len(swap.inner.fills))
    if swap.amount_out < min_amount_out:
        raise refuse(call, PROGRAM_ERRORS, EXCEEDED_SLIPPAGE)
    compute(
        call,
        PROGRAM_ERRORS,
        CODES,
        lambda: meteora.check_known_state(swap.pair, swap.inner),
    )
    _write_state(call, swap.inner)
    user = call.address(USER)
    emit(call, EVENT_AUTHORITY, encode_swap(call.address(PAIR), user, swap))
    _move_tokens(call, swap, swap_for_y=swap_for_y)
    emit(call, EVENT_AUTHORITY, encode_swap2(call.address(PAIR), user, swap))


def _codes(call: Invocation) -> dict[str, int | str]:
    """What each refusal is here; the search for liquidity ends with the bitmaps given."""
    has_extension = call.address(BITMAP_EXTENSION) != call.program
    return {
        **CODES,
        "no_liquidity": NO_MORE_LIQUIDITY if has_extension else WITHOUT_EXTENSION,
    }


def _check_accounts(call: Invocation) -> None:
    require_keys(call, PROGRAM_ERRORS)
    pair = owned_account(call, PROGRAM_ERRORS, PAIR, PAIR_DISCRIMINATOR, PAIR_SIZE)
    for position, offset in (
        (MINT_X, 88),
        (MINT_Y, 120),
        (RESERVE_X, 152),
        (RESERVE_Y, 184),
        (ORACLE, 552),
    ):
        named = Pubkey(pair[offset : offset + 32])
        require_has_one(call, PROGRAM_ERRORS, PAIR, position, named)
    require_signer(call, PROGRAM_ERRORS, USER)
    require_address(call, PROGRAM_ERRORS, EVENTS, EVENT_AUTHORITY, CONSTRAINT_SEEDS)
    require_address(call, PROGRAM_ERRORS, PROGRAM, call.program, INVALID_PROGRAM)
    extension = call.address(BITMAP_EXTENSION)
    expected = bitmap_extension_address(call.address(PAIR))
    if extension not in (expected, call.program):
        raise refuse(call, PROGRAM_ERRORS, WRONG_OWNER, BITMAP_EXTENSION)
    if call.address(HOST_FEE) != call.program:
        raise _unsupported(call, "an account for host fees")


def _unsupported(call: Invocation, what: str) -> InstructionError:
    call.log(f"localnet does not support {what} here")
    return InstructionError("InvalidArgument")


def _direction(call: Invocation) -> bool:
    """Return True for X → Y; both mints must be the pair's."""
    mints = call.address(MINT_X), call.address(MINT_Y)
    given = layout.mint_of(token_account(call, PROGRAM_ERRORS, USER_IN))
    wanted = layout.mint_of(token_account(call, PROGRAM_ERRORS, USER_OUT))
    if (given, wanted) == mints:
        return True
    if (wanted, given) == mints:
        return False
    raise refuse(call, PROGRAM_ERRORS, CONSTRAINT_RAW, USER_IN)


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
        PROGRAM_ERRORS,
        CODES,
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
