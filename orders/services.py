"""What may be done to an order from outside: place it, cancel it, retry it.

What an operator may do to it besides stands in `review.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import (
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models.functions import Now

from dex.models import Token

from . import events, queue
from .errors import (
    CancelConflict,
    DatabaseUnavailable,
    IdempotencyConflict,
    OutcomeUnknown,
    RetryRefused,
)
from .insertion import insert_order
from .models import Order, Status
from .moves import Move
from .transitions import transition, unhappy_end

logger = logging.getLogger(__name__)

# A worker takes a new order at once; the keeper waits this long before it steps in.
KEEPER_DELAY = timedelta(seconds=5)

CANCELLABLE = (Status.PENDING, Status.ROUTING, Status.BUILDING)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A validated order. `amount_in` in base units of `token_in`."""

    order_type: str
    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int
    max_price_impact_bps: int | None = None

    def digest(self) -> str:
        """Hash the values, so that another spelling of the same order is the same."""
        values: list[str | int] = [
            self.order_type,
            self.token_in.mint,
            self.token_out.mint,
            str(self.amount_in),
            self.slippage_bps,
        ]
        if self.max_price_impact_bps is not None:
            values.append(self.max_price_impact_bps)
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Placement:
    """The stored order, and whether this call created it or an earlier one did."""

    order_id: UUID
    created: bool


def place_order(
    request: OrderRequest,
    *,
    owner: AbstractBaseUser,
    idempotency_key: str | None = None,
    retry_of: Order | None = None,
) -> Placement:
    """Store an order with its first event; queue it once it is committed.

    Returning means committed. Raises IdempotencyConflict, RetryRefused when `retry_of`
    was retried before, DatabaseUnavailable when nothing was stored, OutcomeUnknown when
    the answer to COMMIT was lost and the order cannot be read either.
    """
    order_id = uuid4()
    committing = False
    try:
        with transaction.atomic(durable=True):
            _insert(order_id, request, owner, idempotency_key, retry_of)
            committing = True
    except IntegrityError as error:
        earlier = _earlier_placement(request, owner, idempotency_key)
        if earlier is not None:
            return earlier
        if retry_of is not None and Order.objects.filter(retry_of=retry_of).exists():
            raise RetryRefused("The order was retried before.") from error
        raise
    except (OperationalError, InterfaceError) as error:
        if not committing:
            raise DatabaseUnavailable("The database did not answer.") from error
        _settle_lost_commit(order_id, error)
    return Placement(order_id, created=True)


def _insert(
    order_id: UUID,
    request: OrderRequest,
    owner: AbstractBaseUser,
    idempotency_key: str | None,
    retry_of: Order | None,
) -> None:
    event = insert_order(
        {
            "id": order_id,
            "owner_id": owner.pk,
            "idempotency_key": idempotency_key,
            "request_hash": request.digest(),
            "retry_of_id": retry_of.id if retry_of else None,
            "order_type": request.order_type,
            "token_in_id": request.token_in.id,
            "token_out_id": request.token_out.id,
            "amount_in": request.amount_in,
            "slippage_bps": request.slippage_bps,
            "max_price_impact_bps": request.max_price_impact_bps,
            "deadline": timedelta(seconds=settings.ORDER_TTL_S),
            "due_at": KEEPER_DELAY,
        }
    )
    transaction.on_commit(lambda: events.publish(event), robust=True)
    transaction.on_commit(lambda: queue.enqueue(order_id), robust=True)


def _earlier_placement(
    request: OrderRequest, owner: AbstractBaseUser, idempotency_key: str | None
) -> Placement | None:
    if idempotency_key is None:
        return None
    earlier = Order.objects.filter(
        owner_id=owner.pk, idempotency_key=idempotency_key
    ).first()
    if earlier is None:
        return None
    if earlier.request_hash != request.digest():
        raise IdempotencyConflict(
            "This Idempotency-Key was used for another order. Use a new key."
        )
    return Placement(earlier.id, created=False)


def _settle_lost_commit(order_id: UUID, error: Error) -> None:
    """Read the order by its id on a new connection; raise unless it is there."""
    connection.close()
    try:
        stored = Order.objects.filter(id=order_id).exists()
    except Error:
        stored = False
    if not stored:
        # "Not there" proves nothing either: the server may still be committing.
        raise OutcomeUnknown(order_id) from error
    logger.warning("order %s was committed although the answer was lost", order_id)
    queue.enqueue(order_id)


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
