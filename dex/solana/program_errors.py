"""Transaction errors as stable codes: what happened, and whether a retry can help.

Sources: raydium-io/raydium-cp-swap programs/cp-swap/src/error.rs, MeteoraAg/dlmm-sdk
idls/dlmm.json, solana-program/token interface/src/error.rs, anza-xyz/solana-sdk
transaction-error and instruction-error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.message import MessageV0
from solders.pubkey import Pubkey

from .addresses import ASSOCIATED_TOKEN_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM


@dataclass(frozen=True, slots=True)
class TransactionError:
    """A decoded error; `message` says what the user can do.

    `program` names what failed and `name` is its own name of the error; "" when unknown.
    """

    code: str
    message: str
    retryable: bool
    program: str = ""
    name: str = ""


SLIPPAGE = TransactionError(
    "slippage_exceeded",
    "The swap would have paid less than the order's minimum, so nothing was swapped. "
    "Allow more slippage, or trade a smaller amount.",
    retryable=True,
)
INSUFFICIENT_FUNDS = TransactionError(
    "insufficient_funds",
    "The wallet's token account holds less than the order sells. Fund the wallet.",
    retryable=False,
)
INSUFFICIENT_SOL = TransactionError(
    "insufficient_sol",
    "The wallet has not enough SOL for the network fee and account rent. Fund it.",
    retryable=False,
)
POOL_DISABLED = TransactionError(
    "pool_disabled",
    "The pool refuses swaps at present. Place the order again later; another pool of the "
    "pair is used when it pays.",
    retryable=True,
)
NO_LIQUIDITY = TransactionError(
    "no_liquidity",
    "The pool has not enough liquidity for this amount. Trade a smaller one.",
    retryable=True,
)
ZERO_OUTPUT = TransactionError(
    "zero_output", "The amount is too small to buy anything. Trade more.", False
)
POOL_MOVED = TransactionError(
    "pool_moved",
    "The pool's price moved beyond the accounts of the quoted route. Place the order "
    "again at the new price.",
    retryable=True,
)
TOKEN_UNSAFE = TransactionError(
    "token_unsafe",
    "The token account is frozen, or the mint is not supported. Trade another token.",
    retryable=False,
)
BLOCKHASH_NOT_FOUND = TransactionError(
    "blockhash_not_found",
    "The node does not know the blockhash, or it is too old.",
    retryable=True,
)
COMPUTE_EXCEEDED = TransactionError(
    "compute_exceeded",
    "The swap needed more compute units than it asked for. Place the order again, or "
    "trade a smaller amount, which crosses less of the pool.",
    retryable=True,
)

# Errors of the transaction as a whole, and of an instruction by name.
BY_NAME = {
    "BlockhashNotFound": BLOCKHASH_NOT_FOUND,
    "AccountNotFound": INSUFFICIENT_SOL,  # the payer has never been funded
    "InsufficientFundsForFee": INSUFFICIENT_SOL,
    "InsufficientFundsForRent": INSUFFICIENT_SOL,
    "ComputationalBudgetExceeded": COMPUTE_EXCEEDED,
    "ProgramFailedToComplete": COMPUTE_EXCEEDED,
}
TOKEN_ERRORS = {
    0: INSUFFICIENT_SOL,  # NotRentExempt
    1: INSUFFICIENT_FUNDS,
    17: TOKEN_UNSAFE,  # AccountFrozen
}
# Anchor's own errors, below 6000, are the same in every Anchor program.
ANCHOR_ERRORS = {
    3005: POOL_MOVED,  # AccountNotEnoughKeys: a bin array is missing
    3012: TransactionError(
        "account_missing",
        "A token account that the swap needs does not exist. Fund the wallet's "
        "associated token account.",
        retryable=False,
    ),
}
VENUE_ERRORS: dict[str, dict[int, TransactionError]] = {
    "raydium": {
        6000: POOL_DISABLED,
        6002: NO_LIQUIDITY,
        6005: SLIPPAGE,
        6006: ZERO_OUTPUT,
        6007: TOKEN_UNSAFE,
        6012: NO_LIQUIDITY,
    },
    "meteora": {
        6003: SLIPPAGE,
        6012: NO_LIQUIDITY,
        6027: POOL_MOVED,
        6028: POOL_MOVED,
        6036: POOL_MOVED,
        6037: NO_LIQUIDITY,
        6038: NO_LIQUIDITY,
        6039: ZERO_OUTPUT,
        6042: POOL_DISABLED,
    },
}


def decode_error(
    error: Any, message: MessageV0, venues: Mapping[Pubkey, str]
) -> TransactionError:
    """Decode a node's `err` of the transaction with this message.

    `venues` maps the program of each venue to its name.
    """
    name = _name(error)
    if name in BY_NAME:
        return BY_NAME[name]
    match error:
        case {"InstructionError": [int(index), detail]}:
            return _instruction_error(index, detail, message, venues)
    return _unknown(error)


def _instruction_error(
    index: int, detail: Any, message: MessageV0, venues: Mapping[Pubkey, str]
) -> TransactionError:
    name = _name(detail)
    if name in BY_NAME:
        return BY_NAME[name]
    match detail:
        case {"Custom": int(number)}:
            known = _custom_errors(index, message, venues).get(number)
            if known is not None:
                return known
    program = _program(index, message)
    return _unknown(detail, f" in instruction {index} of program {program}")


def _custom_errors(
    index: int, message: MessageV0, venues: Mapping[Pubkey, str]
) -> Mapping[int, TransactionError]:
    program = _program(index, message)
    if program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM, ASSOCIATED_TOKEN_PROGRAM):
        return TOKEN_ERRORS
    if program is None or program not in venues:
        return {}
    # A venue moves tokens by calls into the token program, whose error numbers surface
    # unchanged; those of the venue itself start at 6000.
    return TOKEN_ERRORS | ANCHOR_ERRORS | VENUE_ERRORS.get(venues[program], {})


def _program(index: int, message: MessageV0) -> Pubkey | None:
    instructions = message.instructions
    if not 0 <= index < len(instructions):
        return None
    return message.account_keys[instructions[index].program_id_index]


def _name(error: Any) -> str:
    """Return the name of an error, which JSON shows as "Name" or {"Name": detail}."""
    if isinstance(error, dict) and len(error) == 1:
        return str(next(iter(error)))
    return error if isinstance(error, str) else ""


def _unknown(error: Any, where: str = "") -> TransactionError:
    return TransactionError(
        "transaction_failed",
        f"The chain refused the transaction: {error}{where}. Nothing was swapped.",
        retryable=False,
    )
