"""What may be done to a placed order from outside: cancel it, retry it.

What an operator may do to it besides stands in `review.py`.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from .errors import CancelConflict, RetryRefused
from .models import Order, Status
from .moves import Move
from .placing import place_order
from .submissions import OrderRequest, Placement
from .transitions import transition, unhappy_end

CANCELLABLE = (Status.PENDING, Status.ROUTING, Status.BUILDING)


def cancel_order(order: Order) -> Order:
    """Cancel an order that has no live attempt; return it as it then stands.

    Cancelling a cancelled order changes nothing. Raises CancelConflict when it is
    closed otherwise, or when a signed transaction may still land: then no further
    attempt is made, and it ends cancelled if that transaction is proved dead.
    """
    with transaction.atomic():
        # With the row locked nobody opens or closes an attempt: what the event says
        # about the attempts, and what the caller is told, is true at that moment.
        order = Order.objects.select_for_update().get(id=order.id)
        if order.live_attempt:
            Order.objects.filter(id=order.id, cancel_requested_at__isnull=True).update(
                cancel_requested_at=Now()
            )
        elif not order.is_closed:
            end_unsigned(
                order,
                Status.CANCELLED,
                "cancelled",
                "Cancelled before a swap was made.",
            )
            order.refresh_from_db()
    if order.live_attempt:
        raise CancelConflict(
            "A signed transaction of this order may still land. No further attempt is "
            "made; the order ends confirmed if it lands, cancelled if it is proved dead.",
            order.status,
        )
    if order.status != Status.CANCELLED:
        raise CancelConflict(f"The order is already {order.status}.", order.status)
    return order


def end_unsigned(order: Order, to: Status, code: str, message: str) -> None:
    """End an order with no live attempt from outside, whoever holds it.

    Raises StaleTransition when something was signed, or it ended, meanwhile.
    """
    transition(
        Move(
            order_id=order.id,
            to=to,
            expected=CANCELLABLE,
            fence=None,
            attempt=order.attempt,
            **unhappy_end(order.id, code, message),
        )
    )


def retry_order(order: Order) -> Placement:
    """Place a closed unhappy order again as a new order linked to it.

    Raises RetryRefused when the order is open or confirmed, or was retried before.
    """
    if order.status not in (Status.FAILED, Status.EXPIRED, Status.CANCELLED):
        raise RetryRefused(
            f"The order is {order.status}. Only a failed, expired or cancelled order "
            "can be retried."
        )
    request = OrderRequest(
        order_type=order.order_type,
        token_in=order.token_in,
        token_out=order.token_out,
        amount_in=int(order.amount_in),
        slippage_bps=order.slippage_bps,
        max_price_impact_bps=order.max_price_impact_bps,
    )
    return place_order(request, owner=order.owner, retry_of=order)
