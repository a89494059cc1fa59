"""What an error on chain means to the user: a stable code, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
ACCOUNT_MISSING = TransactionError(
    "account_missing",
    "A token account that the swap needs does not exist. Fund the wallet's associated "
    "token account.",
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
CHAIN_BUSY = TransactionError(
    "chain_busy",
    "The chain had no room for the transaction. Place the order again.",
    retryable=True,
)

# Errors of the transaction as a whole, and those of an instruction that the runtime
# names. Source: anza-xyz/solana-sdk transaction-error and instruction-error.
OF_THE_CHAIN: Mapping[str, TransactionError] = {
    "BlockhashNotFound": BLOCKHASH_NOT_FOUND,
    "AccountNotFound": INSUFFICIENT_SOL,  # the payer has never been funded
    "InsufficientFundsForFee": INSUFFICIENT_SOL,
    "InsufficientFundsForRent": INSUFFICIENT_SOL,
    "InvalidRentPayingAccount": INSUFFICIENT_SOL,
    "ComputationalBudgetExceeded": COMPUTE_EXCEEDED,
    "ProgramFailedToComplete": COMPUTE_EXCEEDED,
    "AccountInUse": CHAIN_BUSY,
    "ClusterMaintenance": CHAIN_BUSY,
    "CommitCancelled": CHAIN_BUSY,
    "ProgramCacheHitMaxLimit": CHAIN_BUSY,
    "ProgramExecutionTemporarilyRestricted": CHAIN_BUSY,
    "ResanitizationNeeded": CHAIN_BUSY,
    "WouldExceedAccountDataBlockLimit": CHAIN_BUSY,
    "WouldExceedMaxAccountCostLimit": CHAIN_BUSY,
    "WouldExceedMaxBlockCostLimit": CHAIN_BUSY,
    "WouldExceedMaxVoteCostLimit": CHAIN_BUSY,
}

_OF_TOKENS = {
    "NotRentExempt": INSUFFICIENT_SOL,
    "InsufficientFunds": INSUFFICIENT_FUNDS,
    "AccountFrozen": TOKEN_UNSAFE,
    "ConfidentialTransferDepositsAndTransfersDisabled": TOKEN_UNSAFE,
    "NonTransferable": TOKEN_UNSAFE,
    "CpiGuardTransferBlocked": TOKEN_UNSAFE,
    "NonConfidentialTransfersDisabled": TOKEN_UNSAFE,
    "MintPaused": TOKEN_UNSAFE,
}
_OF_ANCHOR = {
    "AccountNotEnoughKeys": POOL_MOVED,  # a bin array is missing
    "AccountNotInitialized": ACCOUNT_MISSING,
}

# By the program that failed, and what it calls the error.
OF_PROGRAMS: Mapping[str, Mapping[str, TransactionError]] = {
    "system": {"ResultWithNegativeLamports": INSUFFICIENT_SOL},
    "token": _OF_TOKENS,
    "token_2022": _OF_TOKENS,
    "raydium": _OF_ANCHOR
    | {
        "NotApproved": POOL_DISABLED,
        "EmptySupply": NO_LIQUIDITY,
        "ExceededSlippage": SLIPPAGE,
        "ZeroTradingTokens": ZERO_OUTPUT,
        "RequireGtViolated": ZERO_OUTPUT,  # what would arrive is not above 0
        "NotSupportMint": TOKEN_UNSAFE,
        "InsufficientVault": NO_LIQUIDITY,
    },
    "meteora": _OF_ANCHOR
    | {
        "ExceededAmountSlippageTolerance": SLIPPAGE,
        "ExceededBinSlippageTolerance": SLIPPAGE,
        "ZeroLiquidity": NO_LIQUIDITY,
        "PairInsufficientLiquidity": NO_LIQUIDITY,
        "CannotFindNonZeroLiquidityBinArrayId": NO_LIQUIDITY,
        "BinIdOutOfBound": NO_LIQUIDITY,
        "BinArrayNotFound": POOL_MOVED,
        "InvalidBinArray": POOL_MOVED,
        "NonContinuousBinArrays": POOL_MOVED,
        "BitmapExtensionAccountIsNotProvided": POOL_MOVED,
        "InsufficientOutAmount": ZERO_OUTPUT,
        "PoolDisabled": POOL_DISABLED,
        "InvalidStatus": POOL_DISABLED,
        "NotSupportAtTheMoment": POOL_DISABLED,
        "NotSupportMint": TOKEN_UNSAFE,
        "UnsupportedMintExtension": TOKEN_UNSAFE,
        "UnsupportedTokenMint": TOKEN_UNSAFE,
    },
}
