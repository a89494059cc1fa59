"""Orders as the engine leaves them, for tests that then tamper with their rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from dex.chain import meet_chain
from execution.audit.landed import Landed
from execution.audit.rules import broken_rules, every_order
from orders.models import Attempt, Order, OrderEvent, Status
from orders.tests.helpers import make_address, make_order_at


def meet_some_chain() -> None:
    meet_chain(
        genesis_hash=make_address(),
        is_localnet=True,
        wallet=make_address(),
        newest_signature="",
    )


def change(order: Order, **columns: Any) -> None:
    Order.objects.filter(id=order.id).update(**columns)


# What the event of an order shows that was made with FILL.
SHOWN_FILL = {"amountIn": "100", "amountOut": "0.00000199", "slot": 77}


def confirmed_order() -> Order:
    """Make a confirmed order with its signature, its floor, and the event of its fill."""
    order, _ = make_order_at(Status.CONFIRMED, data={Status.CONFIRMED: SHOWN_FILL})
    signature = order.attempts.get().signature
    change(order, signature=signature, min_amount_out=1_980)
    order.refresh_from_db()
    return order


def swap_of(order: Order) -> Landed:
    """Return the swap of a confirmed order as the ledger has it."""
    moved = {order.token_in.mint: -100 * 10**9, order.token_out.mint: 1_990}
    return Landed(order.attempts.get().signature, 77, True, order.id, 1, moved)


def submitted_order() -> Order:
    """Make an order whose transaction is under way, with its floor."""
    order, _ = make_order_at(Status.SUBMITTED)
    change(order, min_amount_out=1_980)
    order.refresh_from_db()
    return order


@transaction.atomic
def forget_orders(*order_ids: UUID) -> None:
    """Leave the database as an older copy of itself would be, or another on its wallet."""
    orders = (
        Order.objects.filter(id__in=order_ids) if order_ids else Order.objects.all()
    )
    ids = list(orders.values_list("id", flat=True))
    for model in (Attempt, OrderEvent):
        model.objects.filter(order__in=ids).delete()
    Order.objects.filter(id__in=ids).delete()


def found() -> list[tuple[str, object]]:
    """What the rules find in every order."""
    return [(v.rule, v.subject) for v in broken_rules(every_order())]
