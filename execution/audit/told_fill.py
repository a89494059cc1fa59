"""The fill that clients were told of, beside the one in the order's row."""

from __future__ import annotations

from typing import Any

from django.db.models import Expression, F, Func, Q, QuerySet, TextField
from django.db.models import Value as V
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat

from orders.models import Order, OrderEvent, Status

TEXT = TextField()
# What a row shows, as the last event shows it: whole tokens in text.
SHOWN = {"paid": "amountIn", "received": "amountOut", "slot": "slot"}


def fill_differs_from_event(orders: QuerySet[Order]) -> QuerySet[Any, Any]:
    """Select the confirmed orders among `orders` whose last event shows another fill."""
    confirmed = orders.filter(status=Status.CONFIRMED)
    ends = OrderEvent.objects.filter(
        order__in=confirmed.values("id"), status=Status.CONFIRMED
    )
    shown = ends.order_by().annotate(
        paid=_whole("order__amount_in_filled", "order__token_in"),
        received=_whole("order__amount_out", "order__token_out"),
        slot=_text(Cast("order__slot", TEXT)),
        # As text: a cast of what is no number would end the audit.
        **{
            f"event_{name}": _text(KeyTextTransform(key, "data"))
            for name, key in SHOWN.items()
        },
    )
    same = Q(**{f"event_{name}": F(name) for name in SHOWN})
    columns = [column for name in SHOWN for column in (name, f"event_{name}")]
    differing: QuerySet[Any, Any] = shown.exclude(same).values("order_id", *columns)
    return differing


def _text(value: Expression) -> Expression:
    return Coalesce(value, V("none"), output_field=TEXT)


def _whole(amount: str, token: str) -> Expression:
    """Write base units as `to_whole` does. The product is exact, a quotient is not."""
    exponent = Cast(f"{token}__decimals", TEXT)
    return Func(
        F(amount),
        Concat(V("1e-"), exponent, output_field=TEXT),
        template="trim_scale(%(expressions)s::numeric)::text",
        arg_joiner=" * ",
        output_field=TEXT,
    )
