"""What a schema cannot say of a valid request: which tokens there are, and the like.

Schemathesis loads this module. Of requests that it means to be valid it makes some that
are: without, every order would be refused for its tokens, and nothing behind that tested.
"""

from __future__ import annotations

import itertools
import math
import time
from decimal import Decimal
from typing import Any

import schemathesis
from schemathesis import GenerationMode

NAMES_EVERY_ORDER = False
MOST = Decimal("0.5")  # MAX_SLIPPAGE_BPS

_numbers = itertools.count(time.time_ns() // 1_000_000)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Called with each request before it is sent."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    query = case.query
    if query and "cursor" in query:  # opaque: only an earlier answer has one
        query.pop("cursor")
    if query and "token" in query:
        query["token"] = "A"
    if isinstance(case.body, dict):
        case.body = fit(case.body)


def fit(body: dict[str, Any]) -> dict[str, Any]:
    """Return an order with tokens that exist, an amount and fractions in whole steps."""
    fitted = {**body, "tokenIn": "A", "tokenOut": "B", "amountIn": "0.5"}
    if NAMES_EVERY_ORDER and "slippage" in fitted:
        fitted.setdefault("clientOrderId", "stateful")
    if isinstance(fitted.get("clientOrderId"), str):
        # Generated names are often the same, and then most orders would be refused.
        fitted["clientOrderId"] = f"{fitted['clientOrderId'][:48]}-{next(_numbers)}"
    for name in ("slippage", "maxPriceImpact"):
        if fitted.get(name) is not None:
            fitted[name] = _fraction(fitted[name])
    return fitted


def _fraction(value: Any) -> str:
    number = Decimal(str(value))
    steps = math.floor(min(number, MOST) * 10_000)
    return f"{Decimal(steps) / 10_000:f}"
