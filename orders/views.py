"""REST for orders: each view reads a request, calls a service, and writes the answer."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from .access.authentication import acting_for
from .access.limits import count_order
from .access.principal import Scope
from .access.tickets import expires_at, ticket_for
from .api_view import ApiView
from .documents import list_operation, order_operations
from .event_frames import timestamp
from .fields import is_client_order_id
from .inputs import read_submission
from .listing import list_orders
from .models import Order
from .origins import ws_url
from .owners import visible_orders
from .parsers import read_object
from .placing import place
from .preview import preview
from .problems import Problem, order_not_found
from .serializers import OrderDetailSerializer, OrderSerializer
from .services import cancel_order


class ExecuteView(ApiView):
    scope = Scope.TRADE
    counts_orders = True  # a body that is no order spends none

    @order_operations.execute_order
    def post(self, request: Request) -> Response:
        principal = acting_for(request)
        submission = read_submission(
            read_object(request._request),
            owner_id=principal.owner_id,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        count_order(request)
        placement = place(submission)
        # The order is committed: from here on nothing may need the database.
        order_id = placement.order_id
        address = _address(request, order_id, ticket_for(order_id, principal))
        headers = {"Location": reverse("order", args=[order_id])}
        if not placement.created:
            headers["Idempotency-Replayed"] = "true"
        return Response(
            {"orderId": str(order_id), "wsUrl": address},
            status=201 if placement.created else 200,
            headers=headers,
        )

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> NoReturn:
        raise Problem(
            405,
            "method_not_allowed",
            "POST an order here, or open a WebSocket at the same address.",
        )


class PreviewView(ApiView):
    @order_operations.preview_order
    def post(self, request: Request) -> Response:
        submission = read_submission(
            read_object(request._request),
            owner_id=acting_for(request).owner_id,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return Response(preview(submission))


class OrderListView(ApiView):
    @list_operation.list_orders
    def get(self, request: Request) -> Response:
        orders, next_cursor = list_orders(
            visible_orders(acting_for(request)), request.query_params
        )
        return Response(
            {
                "orders": OrderSerializer(orders, many=True).data,
                "nextCursor": next_cursor,
            }
        )


class OrderView(ApiView):
    @order_operations.retrieve_order
    def get(self, request: Request, order_id: str) -> Response:
        return Response(OrderDetailSerializer(_find_order(request, order_id)).data)


class ClientOrderView(ApiView):
    @order_operations.retrieve_client_order
    def get(self, request: Request, client_order_id: str) -> Response:
        # What no order can be called must not reach the database: it cannot even
        # compare every text (NUL).
        found = (
            _detailed(request).filter(client_order_id=client_order_id).first()
            if is_client_order_id(client_order_id)
            else None
        )
        if found is None:
            raise order_not_found(f"called {client_order_id[:64]!r}")
        return Response(OrderDetailSerializer(found).data)


class CancelView(ApiView):
    scope = Scope.TRADE

    @order_operations.cancel_order
    def post(self, request: Request, order_id: str) -> Response:
        cancelled = cancel_order(_find_order(request, order_id))
        return Response(OrderSerializer(cancelled).data)


class TicketView(ApiView):
    @order_operations.make_ticket
    def post(self, request: Request, order_id: str) -> Response:
        principal, wanted = acting_for(request), _order_id(order_id)
        if not visible_orders(principal).filter(id=wanted).exists():
            raise order_not_found(wanted)
        ticket = ticket_for(wanted, principal)
        return Response(
            {
                "ticket": ticket or None,
                "wsUrl": _address(request, wanted, ticket),
                "expiresAt": timestamp(expires_at(ticket)) if ticket else None,
            }
        )


def _address(request: Request, order_id: UUID, ticket: str) -> str:
    return ws_url(
        order_id, host=request.get_host(), secure=request.is_secure(), ticket=ticket
    )


def _find_order(request: Request, text: str) -> Order:
    """Find an order of who asks. Raises the same problem for all that are not there."""
    order_id = _order_id(text)
    found = _detailed(request).filter(id=order_id).first()
    if found is None:
        raise order_not_found(order_id)
    return found


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise order_not_found(text[:64]) from None


def _detailed(request: Request) -> QuerySet[Order]:
    return (
        visible_orders(acting_for(request))
        .select_related("token_in", "token_out")
        .prefetch_related("events", "attempts")
    )
