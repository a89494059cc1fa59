"""Token amounts as nodes show them."""

from __future__ import annotations

from typing import Any

from dex.amounts import U64_MAX, to_whole


def token_amount(amount: int, decimals: int) -> dict[str, Any]:
    """Return an amount as nodes show it; `uiAmount` is theirs, never used for money.

    Source: agave `account-decoder/src/parse_token.rs`: no `uiAmount` where the divisor
    does not fit into 64 bits.
    """
    divisor = 10**decimals
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": None if divisor > U64_MAX else float(amount) / float(divisor),
        "uiAmountString": to_whole(amount, decimals),
    }
