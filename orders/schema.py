"""What the OpenAPI document says of each endpoint: shapes, examples, errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from dex.models import VenueName

from .documents.groups import BODY, CHAIN, CHANGES, GUARDS
from .fields import CLIENT_ORDER_ID, MAX_TOKEN_LENGTH
from .inputs import OrderRequestSerializer, QuoteRequestSerializer
from .listing import DEFAULT_LIMIT, MAX_LIMIT
from .preview_example import PREVIEW_EXAMPLE
from .serializers import OrderDetailSerializer, OrderSerializer
from .shapes import (
    OrderPageSerializer,
    PlacedSerializer,
    PreviewSerializer,
    QuotesSerializer,
    TicketSerializer,
    TokensSerializer,
    VenuesSerializer,
)
from .statuses import OrderType, Status


class Schemes(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document says who asks: a key, or a session in a browser."""

    target_class = "orders.access.authentication.Authentication"
    name = ["apiKey", "session"]  # noqa: RUF012 (as the package declares it)

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, as `manage.py apikey create` makes one.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "The session of a browser that is logged in at /admin/. "
                "What is not a GET then needs the header X-CSRFToken.",
            },
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]


_ORDER_ID = "5f1f0dc4-6c43-4b1e-9f0c-0e9d2f1f6c11"


View = TypeVar("View", bound=Callable[..., Any])

# The codes of an operation's errors, beside those of ALWAYS: see documents/openapi.py.
PROBLEMS = "x-problems"


_ORDER_PROBLEMS = (
    *("invalid_idempotency_key", "idempotency_conflict", "client_order_id_conflict"),
)


def _operation(*codes: str, **options: Any) -> Callable[[View], View]:
    return extend_schema(extensions={PROBLEMS: [*codes]}, **options)


def _filter(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **options)


def _some(names: Sequence[str]) -> str:
    """The pattern of one of these names, or several with commas between."""
    one = f"({'|'.join(names)})"
    return f"^{one}(,{one})*$"


def _moment(name: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, datetime, description="ISO 8601 with an offset; exclusive."
    )


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
_ORDER_ID_PARAMETER = OpenApiParameter(
    "order_id",
    UUID,
    OpenApiParameter.PATH,
    examples=[OpenApiExample("An order", value=_ORDER_ID)],
)
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII characters of your choice.",
    pattern="^[!-~]{1,255}$",
)

execute_order = _operation(
    *CHANGES,
    *BODY,
    *_ORDER_PROBLEMS,
    *GUARDS,
    "outcome_unknown",
    operation_id="executeOrder",
    summary="Place an order",
    description="Stores a market order and answers at once; the WebSocket at `wsUrl` "
    "streams each step. With an Idempotency-Key a repeated request returns the order of "
    "the first one; so does the same order with a clientOrderId that it has. Numbers may be sent as numbers or as strings.",
    parameters=[_IDEMPOTENCY_KEY],
    request={"application/json": OrderRequestSerializer},
    responses={
        201: OpenApiResponse(PlacedSerializer, "The order is stored."),
        200: OpenApiResponse(
            PlacedSerializer, "The order of this key or name, stored before."
        ),
    },
    examples=[*_ORDER_EXAMPLES, _PLACED_EXAMPLE],
)
list_orders = _operation(
    "validation_failed",
    operation_id="listOrders",
    summary="List orders, newest first",
    description="With filters a page may hold fewer orders than `limit`, even none, and go "
    "on: one page looks at a bounded number of orders. The last page is the one whose "
    "`nextCursor` is null.",
    parameters=[
        _filter(
            "status",
            "One status, or several with commas.",
            pattern=_some(Status.values),
        ),
        _filter(
            "type", "One type, or several with commas.", pattern=_some(OrderType.values)
        ),
        _filter(
            "venue",
            "One venue, or several with commas.",
            pattern=_some(VenueName.values),
        ),
        OpenApiParameter(
            "token",
            {"type": "string", "minLength": 1, "maxLength": MAX_TOKEN_LENGTH},
            description="A symbol or mint on either side.",
        ),
        _moment("createdAfter"),
        _moment("createdBefore"),
        _filter("cursor", "The nextCursor of the page before."),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            description=f"1 to {MAX_LIMIT} orders; {DEFAULT_LIMIT} by default.",
        ),
    ],
    responses={200: OrderPageSerializer},
)
retrieve_order = _operation(
    "order_not_found",
    parameters=[_ORDER_ID_PARAMETER],
    operation_id="retrieveOrder",
    summary="Show an order with its history, attempts and quotes",
    responses={200: OrderDetailSerializer},
)
preview_order = _operation(
    *CHANGES,
    *BODY,
    *_ORDER_PROBLEMS,
    *CHAIN,
    operation_id="previewOrder",
    summary="Say what would become of an order",
    description="Takes the body of an order, checks it as if it were placed, asks every "
    "venue, and simulates the transaction without signing it. Stores and sends nothing. A "
    "swap that would fail is an answer, not an error: `outcome` is `fail`, and `failure` "
    "says why.",
    parameters=[_IDEMPOTENCY_KEY],
    request={"application/json": OrderRequestSerializer},
    responses={200: PreviewSerializer},
    examples=[*_ORDER_EXAMPLES, PREVIEW_EXAMPLE],
)
retrieve_client_order = _operation(
    "order_not_found",
    operation_id="retrieveOrderByClientId",
    summary="Show an order by its clientOrderId",
    description="The same as by its orderId. 404 tells that no order of yours is called "
    "so: what you sent was not stored.",
    parameters=[
        OpenApiParameter(
            "client_order_id",
            str,
            OpenApiParameter.PATH,
            pattern=f"^{CLIENT_ORDER_ID}$",
            examples=[OpenApiExample("A name", value="rebalance-2026-11-29.1")],
        )
    ],
    responses={200: OrderDetailSerializer},
)
cancel_order = _operation(
    *CHANGES,
    *("order_not_found", "cancel_conflict"),
    operation_id="cancelOrder",
    summary="Cancel an order",
    description="Cancels an order that has no signed transaction. When one may still "
    "land, answers 409, makes no further attempt, and the order ends confirmed or "
    "cancelled. Cancelling a cancelled order changes nothing.",
    parameters=[_ORDER_ID_PARAMETER],
    request=None,
    responses={200: OrderSerializer},
)
make_ticket = _operation(
    *CHANGES,
    "order_not_found",
    parameters=[_ORDER_ID_PARAMETER],
    operation_id="makeTicket",
    summary="Make a ticket for the stream of an order",
    description="The answer to an order brings a ticket in its `wsUrl`. This makes another "
    "one, as for a page that connects again after its 15 minutes. Whoever has it reads "
    "this one order and does nothing else.",
    request=None,
    responses={200: TicketSerializer},
    examples=[_TICKET_EXAMPLE],
)
ask_quotes = _operation(
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
list_tokens = _operation(
    operation_id="listTokens",
    summary="List the tokens that can be traded",
    responses={200: TokensSerializer},
)
list_venues = _operation(
    operation_id="listVenues",
    summary="List the venues and their pools",
    responses={200: VenuesSerializer},
)
