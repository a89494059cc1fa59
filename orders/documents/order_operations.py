"""What the OpenAPI document says of placing, showing and cancelling an order."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from orders.fields import CLIENT_ORDER_ID
from orders.inputs import OrderRequestSerializer
from orders.preview_example import PREVIEW_EXAMPLE
from orders.serializers import OrderDetailSerializer, OrderSerializer
from orders.shapes import PlacedSerializer, PreviewSerializer, TicketSerializer

from .groups import BODY, CHAIN, CHANGES, GUARDS
from .operation import operation

_ORDER_ID = "5f1f0dc4-6c43-4b1e-9f0c-0e9d2f1f6c11"
_ORDER_PROBLEMS = (
    *("invalid_idempotency_key", "idempotency_conflict", "client_order_id_conflict"),
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

execute_order = operation(
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
retrieve_order = operation(
    "order_not_found",
    parameters=[_ORDER_ID_PARAMETER],
    operation_id="retrieveOrder",
    summary="Show an order with its history, attempts and quotes",
    responses={200: OrderDetailSerializer},
)
preview_order = operation(
    *CHANGES,
    *BODY,
    *_ORDER_PROBLEMS,
    *CHAIN,
    operation_id="previewOrder",
    summary="Say what would become of an order",
    description="Takes the body of an order, checks it as if it were placed, asks every "
    "venue, and simulates the transaction without signing it. Stores and sends nothing. A "
    "swap that would fail is an answer, not an error: `outcome` is `fail`, and `failure` "
    "says why. For an order that was placed before nobody is asked: `outcome` is "
    "`replay`, with `placedAs` and `placedStatus`.",
    parameters=[_IDEMPOTENCY_KEY],
    request={"application/json": OrderRequestSerializer},
    responses={200: PreviewSerializer},
    examples=[*_ORDER_EXAMPLES, PREVIEW_EXAMPLE],
)
retrieve_client_order = operation(
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
cancel_order = operation(
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
make_ticket = operation(
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
