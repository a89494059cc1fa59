"""Orders as whoever holds them reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from .models import Order

if TYPE_CHECKING:
    from .claims import Claim


@dataclass(frozen=True, slots=True)
class Held:
    """An order as its holder reads it, with what the database's clock says of it."""

    order: Order
    is_past_deadline: bool

    @classmethod
    def of(cls, row: Any) -> Held:
        """Make it of a row of `rows_to_hold`."""
        return cls(row, row.is_past_deadline)


def rows_to_hold(orders: QuerySet[Order]) -> QuerySet[Any]:
    """Read orders with their tokens, and whether their deadlines are past."""
    past = ExpressionWrapper(Q(deadline__lte=Now()), output_field=BooleanField())
    return orders.annotate(is_past_deadline=past).select_related(
        "token_in", "token_out"
    )


def read_held(claim: Claim) -> Held | None:
    """Read the order while the claim still holds it; None when somebody took it over."""
    (held,) = read_all_held([claim])
    return held


def read_all_held(claims: Sequence[Claim]) -> list[Held | None]:
    """Read the orders of many claims; None for each that somebody took over."""
    # In no order: the rows are looked up by their ids.
    orders = rows_to_hold(Order.objects.order_by())
    found = orders.in_bulk([claim.order_id for claim in claims])
    mine = [(claim, found.get(claim.order_id)) for claim in claims]
    return [
        Held.of(row) if row is not None and row.fence == claim.fence else None
        for claim, row in mine
    ]
