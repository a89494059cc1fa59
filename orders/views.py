"""REST: each view reads a request, calls a service, and writes the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dex import desk
from dex.errors import NoRoute
from dex.models import Pool, Token, VenueName
from dex.router import load_venues
from dex.types import VenueAnswer

from . import schema
from .access.authentication import acting_for
from .access.principal import Scope
from .access.tickets import expires_at, ticket_for
from .fields import is_client_order_id
from .inputs import read_quote_request, read_submission
from .listing import list_orders
from .models import Order
from .origins import ws_url
from .owners import visible_orders
from .parsers import read_object
from .placing import place
from .preview import preview
from .problems import Problem, method_not_allowed, order_not_found
from .quotes import answer_data
from .serializers import (
    OrderDetailSerializer,
    OrderSerializer,
    TokenSerializer,
    VenueSerializer,
    timestamp,
)
from .services import cancel_order


class ApiView(APIView):
    """Says what can be done at its address to who tries something else.

    Only who has `scope` is let in: see access/authentication.py.
    """

    scope = Scope.READ
    # Without OPTIONS, whose answer by the framework would tell of bodies that nothing here
    # takes.
    http_method_names = ["get", "head", "post"]  # noqa: RUF012 (as Django declares it)

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> NoReturn:
        methods = " or ".join(self.allowed_methods)
        raise method_not_allowed(methods)


class ExecuteView(ApiView):
    scope = Scope.TRADE

    @schema.execute_order
    def post(self, request: Request) -> Response:
        principal = acting_for(request)
        placement = place(
            read_submission(
                read_object(request._request),
                owner_id=principal.owner_id,
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
        )
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
    @schema.preview_order
    def post(self, request: Request) -> Response:
        submission = read_submission(
            read_object(request._request),
            owner_id=acting_for(request).owner_id,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return Response(preview(submission))


class OrderListView(ApiView):
    @schema.list_orders
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
    @schema.retrieve_order
    def get(self, request: Request, order_id: str) -> Response:
        return Response(OrderDetailSerializer(_find_order(request, order_id)).data)


class ClientOrderView(ApiView):
    @schema.retrieve_client_order
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

    @schema.cancel_order
    def post(self, request: Request, order_id: str) -> Response:
        cancelled = cancel_order(_find_order(request, order_id))
        return Response(OrderSerializer(cancelled).data)


class TicketView(ApiView):
    @schema.make_ticket
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


class QuoteView(ApiView):
    @schema.ask_quotes
    def post(self, request: Request) -> Response:
        wanted = read_quote_request(read_object(request._request))
        best: VenueAnswer | None = None
        answers: tuple[VenueAnswer, ...]
        try:
            route = desk.ask(
                wanted.token_in,
                wanted.token_out,
                wanted.amount_in,
                settings.QUOTE_TIMEOUT_S,
                wanted.max_price_impact_bps,
            )
        except NoRoute as refusal:
            answers = refusal.answers
        else:
            best, answers = route.answers[0], route.answers
        pair = (wanted.token_in, wanted.token_out)
        return Response(
            {
                "route": answer_data(best, *pair) if best else None,
                "quotes": [answer_data(answer, *pair) for answer in answers],
            }
        )


class TokenListView(ApiView):
    @schema.list_tokens
    def get(self, request: Request) -> Response:
        tokens = Token.objects.filter(enabled=True)
        return Response({"tokens": TokenSerializer(tokens, many=True).data})


class VenueListView(ApiView):
    @schema.list_venues
    def get(self, request: Request) -> Response:
        venues = VenueSerializer(list(_venues()), many=True)
        return Response({"venues": venues.data})


def _venues() -> Iterator[dict[str, Any]]:
    """List the venues of the settings, each with the pools that orders may use."""
    pools = list(
        Pool.objects.filter(
            enabled=True, token_a__enabled=True, token_b__enabled=True
        ).select_related("token_a", "token_b")
    )
    for name, venue in load_venues().items():
        yield {
            "name": name,
            "label": VenueName(name).label,
            "program": str(venue.program_id),
            "pools": [pool for pool in pools if pool.venue == name],
        }


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
