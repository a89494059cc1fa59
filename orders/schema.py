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
from .preview_example import PREVIEW_EXAMPLE
from .problems import MEDIA_TYPE
from .serializers import OrderDetailSerializer, OrderSerializer
from .shapes import (
    OrderPageSerializer,
    PlacedSerializer,
    PreviewSerializer,
    ProblemSerializer,
    QuotesSerializer,
    TicketSerializer,
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
    409: "It conflicts with what there is. `cancel_conflict`: the order cannot be cancelled "
    "now, and `orderStatus` says where it stands. `client_order_id_conflict`: another order "
    "of yours is called so. `too_many_open_orders`: you have as many as are allowed.",
    413: "The body is over 64 KiB.",
    415: "The body is not application/json in UTF-8.",
    422: "The Idempotency-Key was used for another order, or a guard on money denies this "
    "one: `rule`, `limit` and `value` say why.",
    429: "More than the limit of the client; try again after Retry-After seconds.",
    503: "The database or the chain did not answer, or trading is halted; try again after "
    "Retry-After seconds. With `outcome_unknown`, repeat with the same Idempotency-Key.",
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
_TICKET = "WyI1ZjFm…:1vP4mG:q3Vt…"
_TICKET_EXAMPLE = OpenApiExample(
    "Ticket",
    value={
        "ticket": _TICKET,
        "wsUrl": "ws://localhost:8000/api/orders/execute"
        f"?orderId={_ORDER_ID}&ticket={_TICKET}",
        "expiresAt": "2026-11-20T09:29:03Z",
    },
    response_only=True,
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
    OpenApiExample(
        "Market order with a name of your own",
        value=_ORDER | {"clientOrderId": "rebalance-2026-11-29.1"},
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

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII characters of your choice.",
)

execute_order = extend_schema(
    operation_id="executeOrder",
    summary="Place an order",
    description="Stores a market order and answers at once; the WebSocket at `wsUrl` "
    "streams each step. With an Idempotency-Key a repeated request returns the order of "
    "the first one; so does the same order with a clientOrderId that it has. Numbers may be sent as numbers or as strings.",
    parameters=[_IDEMPOTENCY_KEY],
    request={"application/json": OrderRequestSerializer},
    responses=_responses(
        {
            201: OpenApiResponse(PlacedSerializer, "The order is stored."),
            200: OpenApiResponse(
                PlacedSerializer, "The order of this key or name, stored before."
            ),
        },
        *(400, 409, 413, 415, 422, 503),
    ),
    examples=[*_ORDER_EXAMPLES, _PLACED_EXAMPLE, _PROBLEM_EXAMPLE],
)
list_orders = extend_schema(
    operation_id="listOrders",
    summary="List orders, newest first",
    description="With filters a page may hold fewer orders than `limit`, even none, and go "
    "on: one page looks at a bounded number of orders. The last page is the one whose "
    "`nextCursor` is null.",
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
preview_order = extend_schema(
    operation_id="previewOrder",
    summary="Say what would become of an order",
    description="Takes the body of an order, checks it as if it were placed, asks every "
    "venue, and simulates the transaction without signing it. Stores and sends nothing. A "
    "swap that would fail is an answer, not an error: `outcome` is `fail`, and `failure` "
    "says why.",
    parameters=[_IDEMPOTENCY_KEY],
    request={"application/json": OrderRequestSerializer},
    responses=_responses({200: PreviewSerializer}, 400, 409, 413, 415, 422, 503),
    examples=[*_ORDER_EXAMPLES, PREVIEW_EXAMPLE],
)
retrieve_client_order = extend_schema(
    operation_id="retrieveOrderByClientId",
    summary="Show an order by its clientOrderId",
    description="The same as by its orderId. 404 tells that no order of yours is called "
    "so: what you sent was not stored.",
    parameters=[
        OpenApiParameter("client_order_id", str, OpenApiParameter.PATH, required=True)
    ],
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
make_ticket = extend_schema(
    operation_id="makeTicket",
    summary="Make a ticket for the stream of an order",
    description="The answer to an order brings a ticket in its `wsUrl`. This makes another "
    "one, as for a page that connects again after its 15 minutes. Whoever has it reads "
    "this one order and does nothing else.",
    request=None,
    responses=_responses({200: TicketSerializer}, 404, 503),
    examples=[_TICKET_EXAMPLE],
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
