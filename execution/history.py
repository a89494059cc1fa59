"""What the events of an order say: the `data` of each step, as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dex.amounts import to_whole
from dex.types import Fill, Route, SignedTransaction, VenueAnswer
from orders.models import Order
from orders.moves import AttemptOpening
from orders.quotes import answer_data, price

from .failures import Failure


def routed(order: Order, route: Route) -> dict[str, Any]:
    """The data of `building`: the route taken and every quote it was chosen from."""
    quotes = _quotes(order, route.answers)
    return {"route": dict(quotes[0]), "quotes": quotes}


def signed(order: Order, transaction: SignedTransaction, floor: int) -> dict[str, Any]:
    """The data of `submitted`."""
    return {
        "signature": transaction.signature,
        "lastValidBlockHeight": transaction.last_valid_block_height,
        "minAmountOut": to_whole(floor, order.token_out.decimals),
    }


def filled(order: Order, attempt: AttemptOpening, fill: Fill) -> dict[str, Any]:
    """The data of `confirmed`, all of it from the landed transaction."""
    quoted = attempt.quoted_amount_out
    return {
        "signature": fill.signature,
        "slot": fill.slot,
        "venue": attempt.venue,
        "amountIn": to_whole(fill.amount_in, order.token_in.decimals),
        "amountOut": to_whole(fill.amount_out, order.token_out.decimals),
        "price": price(
            fill.amount_in, order.token_in, fill.amount_out, order.token_out
        ),
        "fees": {"networkLamports": str(fill.fee_lamports)},
        # Positive: less than quoted. Negative: more.
        "slippageBps": (quoted - fill.amount_out) * 10_000 // quoted,
    }


def retried(order: Order, failure: Failure, retry_in_ms: int) -> dict[str, Any]:
    """The data of `routing` when it begins the next attempt."""
    return {
        **unrouted(order, failure),
        "error": {
            "code": failure.code,
            "message": failure.message,
            **failure.origin,
        },
        "retryInMs": retry_in_ms,
    }


def unrouted(order: Order, failure: Failure) -> dict[str, Any]:
    """What the venues said, where an attempt failed because none of them could be taken."""
    return {"quotes": _quotes(order, failure.answers)} if failure.answers else {}


def _quotes(order: Order, answers: Iterable[VenueAnswer]) -> list[dict[str, Any]]:
    return [answer_data(a, order.token_in, order.token_out) for a in answers]
