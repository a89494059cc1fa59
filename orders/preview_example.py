"""What a preview looks like, for the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

QUOTE = {
    "venue": "raydium",
    "pool": "BNULQtZNXZPAWKZSEQNhKh5WNrfUVhNbmEh3YTCGKT3g",
    "amountIn": "100",
    "amountOut": "199.1",
    "price": "1.991",
    "feeAmount": "0.25",
    "feeToken": "A",
    "feeBps": 25,
    "priceImpactBps": 20,
    "slot": 4711,
    "networkFeeLamports": "5000",
    "rentLamports": "0",
    "netAmountOut": None,
    "pendingSwaps": 0,
}
PREVIEW_EXAMPLE = OpenApiExample(
    "It would be swapped",
    value={
        "outcome": "swap",
        "summary": "Swaps 100 A for about 199.1 B on Raydium, and for 197.109 B at "
        "least or not at all. The network takes 0.000005 SOL.",
        "warnings": [],
        "denial": None,
        "failure": None,
        "amountIn": "100",
        "expectedAmountOut": "199.1",
        "minAmountOut": "197.109",
        "fees": {
            "networkFeeLamports": "5000",
            "priorityFeeLamports": "0",
            "rentLamports": "0",
        },
        "simulation": {
            "status": "succeeded",
            "amountOut": "199.1",
            "unitsConsumed": 61_000,
            "slot": 4712,
            "error": None,
        },
        "route": QUOTE,
        "quotes": [QUOTE],
        "placedAs": None,
        "placedStatus": None,
    },
    response_only=True,
    status_codes=["200"],
)
