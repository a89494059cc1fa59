"""Placing an order: at most one for a key, stored before anybody hears of it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import Error, connection

from dex.models import Token

from . import queue
from .errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
    OutcomeUnknown,
    RetryRefused,
)
from .intake import PROCESS_INTAKE, CommitUnanswered, Intake
from .models import Order

logger = logging.getLogger(__name__)

# A worker takes a new order at once; the keeper waits this long before it steps in.
KEEPER_DELAY = timedelta(seconds=5)


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
    intake: Intake = PROCESS_INTAKE,
) -> Placement:
    """Store an order with its first event; queue it once it is committed.

    Returning means committed. Raises IdempotencyConflict, RetryRefused when `retry_of`
    was retried before, DatabaseUnavailable when nothing was stored, OutcomeUnknown when
    the answer to COMMIT was lost and the order cannot be read either.
    """
    order_id = uuid4()
    columns = {
        "id": order_id,
        "owner_id": owner.pk,
        "idempotency_key": idempotency_key,
        "retry_of_id": retry_of.id if retry_of else None,
        **_columns(request),
    }
    try:
        is_stored = intake.store(columns)
    except CommitUnanswered as error:
        _settle_lost_commit(order_id, error)
        is_stored = True
    if is_stored:
        return Placement(order_id, created=True)
    earlier = _earlier_placement(request, owner, idempotency_key)
    if earlier is not None:
        return earlier
    if retry_of is not None:
        raise RetryRefused("The order was retried before.")
    raise DatabaseUnavailable("The database kept no order, and no other has its key.")


def _columns(request: OrderRequest) -> dict[str, Any]:
    return {
        "request_hash": request.digest(),
        "order_type": request.order_type,
        "token_in_id": request.token_in.id,
        "token_out_id": request.token_out.id,
        "amount_in": request.amount_in,
        "slippage_bps": request.slippage_bps,
        "max_price_impact_bps": request.max_price_impact_bps,
        "deadline": timedelta(seconds=settings.ORDER_TTL_S),
        "due_at": KEEPER_DELAY,
    }


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


def _settle_lost_commit(order_id: UUID, error: Exception) -> None:
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
