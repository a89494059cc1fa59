"""How quotes look in JSON, in events and in the answer of /api/quotes."""

from __future__ import annotations

from decimal import Context
from typing import Any

from dex.amounts import to_whole
from dex.models import Token
from dex.types import Quote, VenueAnswer

_PRICE = Context(prec=18)


def price(amount_in: int, token_in: Token, amount_out: int, token_out: Token) -> str:
    """Write whole tokens out per whole token in, to 18 significant digits.

    "0" when nothing went in: a landed transaction must be shown whatever it moved.
    """
    if not amount_in:
        return "0"
    numerator = _PRICE.create_decimal(amount_out).scaleb(-token_out.decimals, _PRICE)
    denominator = _PRICE.create_decimal(amount_in).scaleb(-token_in.decimals, _PRICE)
    return f"{_PRICE.divide(numerator, denominator).normalize(_PRICE):f}"


def answer_data(
    answer: VenueAnswer, token_in: Token, token_out: Token
) -> dict[str, Any]:
    """Write one venue's answer; `lost` says why it is not the route, if it is not."""
    pool = str(answer.pool) if answer.pool else None
    data: dict[str, Any] = {"venue": answer.venue, "pool": pool}
    if answer.quote is not None:
        data |= _quote_data(answer.quote, token_in, token_out)
        data |= _costs_data(answer, token_out)
    if answer.code:
        data["lost"] = {"code": answer.code, "reason": answer.reason}
    return data


def _quote_data(quote: Quote, token_in: Token, token_out: Token) -> dict[str, Any]:
    """Write a quote with its amounts in whole tokens."""
    fee_token = token_in if str(quote.fee_mint) == token_in.mint else token_out
    return {
        "amountIn": to_whole(quote.amount_in, token_in.decimals),
        "amountOut": to_whole(quote.amount_out, token_out.decimals),
        "price": price(quote.amount_in, token_in, quote.amount_out, token_out),
        "feeAmount": to_whole(quote.fee_amount, fee_token.decimals),
        "feeToken": fee_token.symbol,
        "feeBps": quote.fee_bps,
        "priceImpactBps": quote.price_impact_bps,
        "slot": quote.slot,
    }


def _costs_data(answer: VenueAnswer, token_out: Token) -> dict[str, Any]:
    """Write what landing the swap costs, and what is left; null where it is not known."""
    costs, net = answer.costs, answer.net_amount_out
    rent = costs.rent_lamports if costs else None
    return {
        "networkFeeLamports": str(costs.fee_lamports) if costs else None,
        "rentLamports": None if rent is None else str(rent),
        "netAmountOut": None if net is None else to_whole(net, token_out.decimals),
        "pendingSwaps": answer.pending_swaps,
    }
