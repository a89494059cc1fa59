"""Errors of the outside world.

DexError
├── QuoteRefused        this pool cannot pay for this swap, and here is why
├── NoRoute             no venue quoted
│   └── PriceImpactTooHigh   those that quoted would move the price too far
├── RpcError            a call to the chain brought no usable answer
│   ├── RpcUnavailable  no endpoint answered: nothing is known
│   │   └── RpcRateLimited  an endpoint asks for a pause
│   └── RpcRejected     an endpoint answered with a JSON-RPC error
├── FillUnreadable      a landed transaction does not show what it moved
├── WrongChain          the database belongs to another chain: the process must stop
│   └── ChainRefused    the settings do not allow trading on this chain
├── TradingHalted       the signer refuses: an operator must look first
├── HaltRefused         an operator cannot halt trading like this
├── LiftRefused         a halt is not lifted like this
└── WalletError         the keypair file cannot be used

Each carries a stable `code` and says by `retryable` whether the same order may try again.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DexError(Exception):
    code: ClassVar[str] = "dex_error"
    retryable: ClassVar[bool] = False


class QuoteRefused(Exception):
    """A pool that cannot pay for this swap; `code` is stable, `reason` is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class NoRoute(DexError):
    """No venue quoted; `answers` holds each refusal."""

    code = "no_route"
    retryable = True

    def __init__(self, message: str, answers: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.answers = answers


class PriceImpactTooHigh(NoRoute):
    """Every pool that quoted would move its price further than the limit."""

    code = "price_impact_too_high"
    retryable = False


class RpcError(DexError):
    code = "rpc_error"


class RpcUnavailable(RpcError):
    """No endpoint answered in time. Nothing is known: neither success nor failure."""

    code = "rpc_unavailable"
    retryable = True


class RpcRateLimited(RpcUnavailable):
    """An endpoint answered that it was asked too often; 0 when it names no pause."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RpcRejected(RpcError):
    """An endpoint answered with a JSON-RPC error object."""

    code = "rpc_rejected"

    def __init__(self, rpc_code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (JSON-RPC {rpc_code})")
        self.rpc_code = rpc_code
        self.data = data


class FillUnreadable(DexError):
    """A landed transaction does not show the balances of the pool's vaults."""

    code = "fill_unreadable"


class WrongChain(DexError):
    """The endpoint serves another chain than the one this database belongs to."""

    code = "wrong_chain"


class ChainRefused(WrongChain):
    """The settings do not allow trading on this chain."""

    code = "chain_refused"


class TradingHalted(DexError):
    """Trading is halted; the signer signs nothing until an operator lifts it."""

    code = "trading_halted"


class HaltRefused(DexError):
    """An operator cannot halt trading like this; the message says what is missing."""

    code = "halt_refused"


class LiftRefused(DexError):
    """A halt cannot be lifted like this; the message says what is missing."""

    code = "lift_refused"


class WalletError(DexError):
    """The wallet's keypair file is missing, readable by others, or malformed."""

    code = "wallet_error"
