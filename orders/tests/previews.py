"""How tests ask for previews."""

from __future__ import annotations

from typing import Any

from orders.threads import in_thread

from .clients import order_text, post

PREVIEW = "/api/orders/preview"
SOL_FOR_USDC = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"}


async def ask(**order: Any) -> Any:
    answer = await in_thread(post, order_text(**SOL_FOR_USDC | order), PREVIEW)
    assert answer.status_code == 200, answer.content
    return answer.json()


def codes(shown: Any) -> list[str]:
    return [warning["code"] for warning in shown["warnings"]]
