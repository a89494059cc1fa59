"""What the OpenAPI document says of the list of orders, its filters and its pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from dex.models import VenueName
from orders.fields import MAX_TOKEN_LENGTH
from orders.listing import DEFAULT_LIMIT, MAX_LIMIT
from orders.shapes import OrderPageSerializer
from orders.statuses import OrderType, Status

from .operation import operation


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


list_orders = operation(
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
