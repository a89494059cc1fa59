"""What the OpenAPI document says of quotes, tokens and venues."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

from orders.inputs import QuoteRequestSerializer
from orders.shapes import QuotesSerializer, TokensSerializer, VenuesSerializer

from .groups import BODY, CHAIN, CHANGES
from .operation import operation

ask_quotes = operation(
    *CHANGES,
    *BODY,
    *CHAIN,
    operation_id="askQuotes",
    summary="Ask every venue for a quote",
    description="Every venue's answer, best first, and the route that an order would "
    "take now. Nothing is stored.",
    request={"application/json": QuoteRequestSerializer},
    responses={200: QuotesSerializer},
    examples=[
        OpenApiExample(
            "A pair",
            value={"tokenIn": "A", "tokenOut": "B", "amountIn": "100"},
            request_only=True,
        )
    ],
)
list_tokens = operation(
    operation_id="listTokens",
    summary="List the tokens that can be traded",
    responses={200: TokensSerializer},
)
list_venues = operation(
    operation_id="listVenues",
    summary="List the venues and their pools",
    responses={200: VenuesSerializer},
)
