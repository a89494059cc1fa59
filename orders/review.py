"""What an operator may do to an order in review: let it go on, or end it.

Neither act holds a claim, so both take the fence from whoever watches the order.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from . import waiting
from .errors import ReviewRefused
from .models import STILL_OPEN, Order, Status
from .services import end_unsigned

FAILED_BY_OPERATOR = "failed_by_operator"


def clear_review(order: Order) -> Order:
    """Have an order in review carried out again, at once, with its claims forgotten.

    Raises ReviewRefused when it is not in review.
    """
    cleared = Order.objects.filter(
        STILL_OPEN, id=order.id, needs_review_at__isnull=False
    ).update(
        needs_review_at=None,
        idle_claims=0,
        due_at=Now(),
        # Whoever watches it would go on watching only.
        fence=F("fence") + 1,
        lease_until=None,
        lease_owner="",
        **waiting.CLEARED,
    )
    if not cleared:
        raise _not_in_review()
    return order


def fail_order(order: Order, reason: str) -> Order:
    """End an order in review as failed; `reason` is shown to its owner.

    Raises ReviewRefused when it is not in review, or a signed transaction may still land.
    """
    with transaction.atomic():
        # With the row locked nobody opens an attempt: what is refused here is true.
        order = Order.objects.select_for_update().get(id=order.id)
        if order.is_closed or order.needs_review_at is None:
            raise _not_in_review()
        if order.live_attempt:
            raise ReviewRefused(
                "A signed transaction of this order may still land, so it is watched on. "
                "It ends by itself once the chain has decided that transaction."
            )
        message = f"An operator ended it: {reason}"
        end_unsigned(order, Status.FAILED, FAILED_BY_OPERATOR, message)
    return order


def _not_in_review() -> ReviewRefused:
    return ReviewRefused(
        "The order is not in review. An open order can be cancelled instead."
    )
