"""Frames of one order's life, for the documents to show."""

from __future__ import annotations

from typing import Any

from orders.preview_example import QUOTE
from orders.statuses import Status

from .known import ORDER_ID

_SIGNATURE = "5h6xBEauJ3PK6SWCZ1PGjBvj8vDdWG3KpwATGy1ARAXFSDwt8GFXM7W5Ncn16wmqokgpiKRLuS83KUxyZyv2sUYv"
ORDER = {
    "type": "market",
    "tokenIn": "A",
    "tokenOut": "B",
    "amountIn": "100",
    "slippage": "0.01",
    "clientOrderId": "rebalance-2026-11-29.1",
    "idempotencyKey": "7b1f6f6e-0f3c-4c53-9d8c-3a3f0a1c1f52",
}
ACCEPTED = {
    "orderId": str(ORDER_ID),
    "wsUrl": f"ws://localhost:8000/api/orders/execute?orderId={ORDER_ID}",
    "requestId": "0c9b7a.1",
}
_DATA: dict[Status, dict[str, Any]] = {
    Status.PENDING: {"requestId": "0c9b7a"},
    Status.ROUTING: {"venues": ["meteora", "raydium"]},
    Status.BUILDING: {"route": QUOTE, "quotes": [QUOTE]},
    Status.SUBMITTED: {
        "signature": _SIGNATURE,
        "lastValidBlockHeight": 4861,
        "minAmountOut": "197.109",
    },
    Status.CONFIRMED: {
        "signature": _SIGNATURE,
        "slot": 4714,
        "venue": "raydium",
        "amountIn": "100",
        "amountOut": "199.1",
        "price": "1.991",
        "fees": {"networkLamports": "5000"},
        "slippageBps": 0,
    },
    Status.FAILED: {
        "code": "price_impact_too_high",
        "message": "Every pool would move its price by more than the limit.",
        "fundsMoved": "none",
    },
    Status.CANCELLED: {
        "code": "cancelled",
        "message": "Cancelled before a swap was made.",
        "fundsMoved": "none",
    },
    Status.EXPIRED: {
        "code": "deadline_passed",
        "message": "The order was not signed before its deadline. It waited: no RPC "
        "endpoint answers. Place it again when that is over.",
        "fundsMoved": "none",
        "waitedFor": {
            "code": "chain_unreachable",
            "message": "No RPC endpoint answers.",
            "waitedMs": 118_204,
        },
    },
}


def _event(status: Status) -> dict[str, Any]:
    steps = [*Status][: [*Status].index(Status.CONFIRMED)]
    return {
        "orderId": str(ORDER_ID),
        "sequence": steps.index(status) + 1 if status in steps else len(steps) + 1,
        "status": status.value,
        "attempt": 0 if status == Status.PENDING else 1,
        "timestamp": "2026-11-20T09:14:03.120Z",
        "data": _DATA[status],
    }


EVENTS = {status: _event(status) for status in Status}

_TOKENS = [
    {
        "symbol": symbol,
        "name": f"Token {symbol}",
        "mint": mint,
        "decimals": 9,
        "tokenProgram": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    }
    for symbol, mint in (
        ("A", "6yGnVpMwpjbZs5tuK3vWhRc4dGCLzUCHAhyeuVrFdYFJ"),
        ("B", "EvhDhEXWTuS6tXSpGEGYKqJ4zGs2HqQqJHTZKRRM8uvh"),
    )
]
_IN, _OUT = ({key: token[key] for key in ("symbol", "mint")} for token in _TOKENS)
_PLACED_AT, _CLOSED_AT = "2026-11-20T09:14:03.120Z", "2026-11-20T09:14:04.020Z"
_ORDER = {
    "orderId": str(ORDER_ID),
    "clientOrderId": None,
    "type": "market",
    "status": "confirmed",
    "tokenIn": _IN,
    "tokenOut": _OUT,
    "amountIn": "100",
    "slippage": "0.01",
    "maxPriceImpact": None,
    "minAmountOut": "197.109",
    "attempt": 1,
    "venue": "raydium",
    "amountInFilled": "100",
    "amountOut": "199.1",
    "signature": _SIGNATURE,
    "slot": 4714,
    "waitingFor": None,
    "failure": None,
    "retryOf": None,
    "createdAt": _PLACED_AT,
    "deadline": "2026-11-20T09:16:03.120Z",
    "cancelRequestedAt": None,
    "needsReviewAt": None,
    "closedAt": _CLOSED_AT,
}
_CANCELLED = _ORDER | {
    **{"status": "cancelled", "attempt": 0, "venue": "", "signature": "", "slot": None},
    **{"minAmountOut": None, "amountInFilled": None, "amountOut": None},
    "failure": _DATA[Status.CANCELLED],
}
_ATTEMPT = {
    "attempt": 1,
    "state": "landed",
    "venue": "raydium",
    "pool": QUOTE["pool"],
    "signature": _SIGNATURE,
    "blockhash": "EkSnNWid2cvwEVnVx9aBqawnmiCNiDgp3gUdkDPTKN1N",
    "lastValidBlockHeight": 4861,
    "quotedAmountOut": "199.1",
    "minAmountOut": "197.109",
    "slot": 4714,
    "feeLamports": 5000,
    "error": None,
    "createdAt": _PLACED_AT,
    "closedAt": _CLOSED_AT,
}
_DETAIL = _ORDER | {
    "attempts": [_ATTEMPT],
    "history": [EVENTS[status] for status in [*Status][:5]],
    "quotes": [{"attempt": 1, "sequence": 3, **QUOTE}],
}
_POOL = {"address": QUOTE["pool"], "tokenA": _IN, "tokenB": _OUT}

# What an operation answers when all is well, by its id.
ANSWERS: dict[str, Any] = {
    "listOrders": {"orders": [_ORDER], "nextCursor": None},
    "retrieveOrder": _DETAIL,
    "retrieveOrderByClientId": _DETAIL | {"clientOrderId": ORDER["clientOrderId"]},
    "cancelOrder": _CANCELLED,
    "askQuotes": {"route": QUOTE, "quotes": [QUOTE]},
    "listTokens": {"tokens": _TOKENS},
    "listVenues": {
        "venues": [
            {
                "name": "raydium",
                "label": "Raydium",
                "program": "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C",
                "pools": [_POOL],
            }
        ]
    },
}
