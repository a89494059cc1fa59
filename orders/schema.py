"""What the OpenAPI document says of each endpoint: shapes, examples, errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from .inputs import OrderRequestSerializer, QuoteRequestSerializer
from .problems import MEDIA_TYPE
from .serializers import OrderDetailSerializer, OrderSerializer
from .shapes import (
    OrderPageSerializer,
    PlacedSerializer,
    ProblemSerializer,
    QuotesSerializer,
    TokensSerializer,
    VenuesSerializer,
)


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document says that requests bring a key; a session does as well."""

    target_class = "orders.access.authentication.Authentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


_ORDER_ID = "5f1f0dc4-6c43-4b1e-9f0c-0e9d2f1f6c11"


_ERRORS = {
    400: "The request is wrong: `code` and `errors` say where.",
    401: "No key, or one that does not count.",
    403: "The key lacks the scope that this needs.",
    404: "There is no such order.",
    409: "The order cannot be cancelled now; `orderStatus` says where it stands.",
    413: "The body is over 64 KiB.",
    415: "The body is not application/json in UTF-8.",
    422: "The Idempotency-Key was used for another order.",
    429: "More than the limit of the client; try again after Retry-After seconds.",
    503: "The database or the chain did not answer; try again after Retry-After "
    "seconds. With `outcome_unknown`, repeat with the same Idempotency-Key.",
}


def _responses(success: dict[int, Any], *errors: int) -> dict[Any, Any]:
    problems = {
        (status, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, _ERRORS[status])
        for status in sorted({401, 403, 429, *errors})
    }
    return {**success, **problems}


def _filter(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **options)


_PLACED_EXAMPLE = OpenApiExample(
    "Placed",
    value={
        "orderId": _ORDER_ID,
        "wsUrl": "ws://localhost:8000/api/orders/execute"
        f"?orderId={_ORDER_ID}&ticket=WyI1ZjFm…",
    },
    response_only=True,
    status_codes=["200", "201"],
)
_ORDER = {
    "type": "market",
    "tokenIn": "A",
    "tokenOut": "B",
    "amountIn": 100,
    "slippage": 0.01,
}
_ORDER_EXAMPLES = [
    OpenApiExample("Market order", value=_ORDER, request_only=True),
    OpenApiExample(
        "Market order with a limit on its price impact",
        value=_ORDER | {"maxPriceImpact": 0.05},
        request_only=True,
    ),
]
_PROBLEM_EXAMPLE = OpenApiExample(
    "Too many decimals",
    value={
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request has invalid fields.",
        "instance": "/api/orders/execute",
        "code": "validation_failed",
        "requestId": "0c9b7a",
        "errors": [
            {
                "field": "amountIn",
                "code": "too_many_decimals",
                "message": "The token has 9 decimals at most.",
            }
        ],
    },
    response_only=True,
    status_codes=["400"],
    media_type=MEDIA_TYPE,
)

execute_order = extend_schema(
    operation_id="executeOrder",
    summary="Place an order",
    description="Stores a market order and answers at once; the WebSocket at `wsUrl` "
    "streams each step. With an Idempotency-Key a repeated request returns the order of "
    "the first one. Numbers may be sent as numbers or as strings.",
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            description="1 to 255 visible ASCII characters of your choice.",
        )
    ],
    request={"application/json": OrderRequestSerializer},
    responses=_responses(
        {
            201: OpenApiResponse(PlacedSerializer, "The order is stored."),
            200: OpenApiResponse(PlacedSerializer, "The key's order, stored before."),
        },
        *(400, 413, 415, 422, 503),
    ),
    examples=[*_ORDER_EXAMPLES, _PLACED_EXAMPLE, _PROBLEM_EXAMPLE],
)
list_orders = extend_schema(
    operation_id="listOrders",
    summary="List orders, newest first",
    parameters=[
        _filter("status", "One status, or several with commas."),
        _filter("type", "One type, or several with commas."),
        _filter("venue", "One venue, or several with commas."),
        _filter("token", "A symbol or mint on either side."),
        _filter("createdAfter", "ISO 8601 with an offset; exclusive."),
        _filter("createdBefore", "ISO 8601 with an offset; exclusive."),
        _filter("cursor", "The nextCursor of the page before."),
        OpenApiParameter("limit", int, description="1 to 200 orders; 50 by default."),
    ],
    responses=_responses({200: OrderPageSerializer}, 400, 503),
)
retrieve_order = extend_schema(
    operation_id="retrieveOrder",
    summary="Show an order with its history, attempts and quotes",
    responses=_responses({200: OrderDetailSerializer}, 404, 503),
)
cancel_order = extend_schema(
    operation_id="cancelOrder",
    summary="Cancel an order",
    description="Cancels an order that has no signed transaction. When one may still "
    "land, answers 409, makes no further attempt, and the order ends confirmed or "
    "cancelled. Cancelling a cancelled order changes nothing.",
    request=None,
    responses=_responses({200: OrderSerializer}, 404, 409, 503),
)
ask_quotes = extend_schema(
    operation_id="askQuotes",
    summary="Ask every venue for a quote",
    description="Every venue's answer, best first, and the route that an order would "
    "take now. Nothing is stored.",
    request={"application/json": QuoteRequestSerializer},
    responses=_responses({200: QuotesSerializer}, 400, 413, 415, 503),
)
list_tokens = extend_schema(
    operation_id="listTokens",
    summary="List the tokens that can be traded",
    responses=_responses({200: TokensSerializer}, 503),
)
list_venues = extend_schema(
    operation_id="listVenues",
    summary="List the venues and their pools",
    responses=_responses({200: VenuesSerializer}, 503),
)
