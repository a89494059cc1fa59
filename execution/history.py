"""What the events of an order say: the `data` of each step, as the API shows it."""

from __future__ import annotations

from decimal import Context
from typing import Any

from dex.amounts import to_whole
from dex.models import Token
from dex.types import Fill, Quote, Route, SignedTransaction, VenueAnswer
from orders.models import Attempt, FundsMoved, Order

from .failures import Failure

_PRICE = Context(prec=18)


def routed(order: Order, route: Route) -> dict[str, Any]:
    """The data of `building`: the route taken and every quote it was chosen from."""
    return {
        "route": _quote(order, route.best),
        "quotes": [_answer(order, answer) for answer in route.answers],
    }


def signed(order: Order, transaction: SignedTransaction, floor: int) -> dict[str, Any]:
    """The data of `submitted`."""
    return {
        "signature": transaction.signature,
        "lastValidBlockHeight": transaction.last_valid_block_height,
        "minAmountOut": to_whole(floor, order.token_out.decimals),
    }


def filled(order: Order, attempt: Attempt, fill: Fill) -> dict[str, Any]:
    """The data of `confirmed`, all of it from the landed transaction."""
    quoted = int(attempt.quoted_amount_out)
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


def retried(failure: Failure, retry_in_ms: int) -> dict[str, Any]:
    """The data of `routing` when it begins the next attempt."""
    return {
        "error": {"code": failure.code, "message": failure.message},
        "retryInMs": retry_in_ms,
    }


def ended(code: str, message: str, funds: FundsMoved) -> dict[str, Any]:
    """The data of the unhappy ends, over all attempts of the order."""
    return {"code": code, "message": message, "fundsMoved": funds}


def price(amount_in: int, token_in: Token, amount_out: int, token_out: Token) -> str:
    """Whole tokens out per whole token in, to 18 significant digits."""
    numerator = _PRICE.create_decimal(amount_out).scaleb(-token_out.decimals, _PRICE)
    denominator = _PRICE.create_decimal(amount_in).scaleb(-token_in.decimals, _PRICE)
    return f"{_PRICE.divide(numerator, denominator).normalize(_PRICE):f}"


def _quote(order: Order, quote: Quote) -> dict[str, Any]:
    fee_token = (
        order.token_in
        if str(quote.fee_mint) == order.token_in.mint
        else order.token_out
    )
    return {
        "venue": quote.venue,
        "pool": str(quote.pool),
        "amountIn": to_whole(quote.amount_in, order.token_in.decimals),
        "amountOut": to_whole(quote.amount_out, order.token_out.decimals),
        "price": price(
            quote.amount_in, order.token_in, quote.amount_out, order.token_out
        ),
        "feeAmount": to_whole(quote.fee_amount, fee_token.decimals),
        "feeToken": fee_token.symbol,
        "feeBps": quote.fee_bps,
        "priceImpactBps": quote.price_impact_bps,
        "slot": quote.slot,
    }


def _answer(order: Order, answer: VenueAnswer) -> dict[str, Any]:
    if answer.quote is None:
        pool = str(answer.pool) if answer.pool else None
        shown: dict[str, Any] = {"venue": answer.venue, "pool": pool}
    else:
        shown = _quote(order, answer.quote)
    if answer.code:
        shown["lost"] = {"code": answer.code, "reason": answer.reason}
    return shown
