"""Placing an order: at most one for a key, stored before anybody hears of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import Error, InterfaceError, OperationalError, connection

from . import queue
from .access.guards import Guards, current_guards
from .earlier import find_earlier
from .errors import (
    DatabaseUnavailable,
    OrderDenied,
    OrderError,
    OutcomeUnknown,
    RetryRefused,
    caused_by,
)
from .intake import PROCESS_INTAKE, CommitUnanswered, Intake
from .models import Order
from .submissions import OrderRequest, Placement, Submission

logger = logging.getLogger(__name__)

# A worker takes a new order at once; the keeper waits this long before it steps in.
KEEPER_DELAY = timedelta(seconds=5)


def place_order(
    request: OrderRequest,
    *,
    owner: AbstractBaseUser,
    idempotency_key: str | None = None,
    retry_of: Order | None = None,
    intake: Intake = PROCESS_INTAKE,
) -> Placement:
    """Place one order as place_orders() does; raise what that returns as an error."""
    submission = Submission(request, owner.pk, idempotency_key, retry_of)
    return place(submission, intake=intake)


def place(submission: Submission, *, intake: Intake = PROCESS_INTAKE) -> Placement:
    """Place one order as place_orders() does; raise what that returns as an error."""
    (placed,) = place_orders([submission], intake=intake)
    if isinstance(placed, Exception):
        raise placed
    return placed


def place_orders(
    submissions: Sequence[Submission], *, intake: Intake = PROCESS_INTAKE
) -> list[Placement | Exception]:
    """Store orders with their first events; queue them once they are committed.

    A Placement means committed. Otherwise the order's error is returned: OrderDenied by
    a guard on money, but a repeated order is answered with the first one whatever the
    guards say now; IdempotencyConflict, ClientOrderIdConflict, RetryRefused when
    `retry_of` was retried before, DatabaseUnavailable when it was not stored,
    OutcomeUnknown when the answer to COMMIT was lost and the order cannot be read either,
    or another database error.
    """
    try:
        guards = current_guards()
    except (OperationalError, InterfaceError) as error:
        unavailable = DatabaseUnavailable("The database did not answer.")
        return [caused_by(error, unavailable)] * len(submissions)
    denials = [guards.denial_of(submission.request) for submission in submissions]
    allowed = [
        submission
        for submission, denial in zip(submissions, denials, strict=True)
        if denial is None
    ]
    stored = iter(_store(allowed, guards, intake)) if allowed else iter(())
    return [
        next(stored) if denial is None else _placed_before(submission, denial)
        for submission, denial in zip(submissions, denials, strict=True)
    ]


def _store(
    submissions: Sequence[Submission], guards: Guards, intake: Intake
) -> list[Placement | Exception]:
    orders = [_columns(submission, guards) for submission in submissions]
    results = intake.store_all(orders)
    lost = [
        columns["id"]
        for columns, result in zip(orders, results, strict=True)
        if isinstance(result, CommitUnanswered)
    ]
    found = _found_after_lost_commit(lost) if lost else set()
    placed: list[Placement | Exception] = []
    tells = logger.isEnabledFor(logging.DEBUG)
    for submission, columns, result in zip(submissions, orders, results, strict=True):
        order_id = columns["id"]
        if result is True or order_id in found:
            placed.append(Placement(order_id, created=True))
            if tells:
                _tell(columns)
        elif isinstance(result, CommitUnanswered):
            # "Not there" proves nothing either: the server may still be committing.
            placed.append(caused_by(result, OutcomeUnknown(order_id)))
        elif isinstance(result, OrderDenied):
            placed.append(_placed_before(submission, result))
        elif isinstance(result, Exception):
            placed.append(result)
        else:
            placed.append(_placed_before(submission))
    return placed


def _tell(columns: Mapping[str, Any]) -> None:
    """Log at DEBUG that an order is stored, so that its request can be followed to it."""
    ids = {"request_id": columns["request_id"], "order_id": str(columns["id"])}
    logger.debug("order %s is stored", columns["id"], extra=ids)


def _columns(submission: Submission, guards: Guards) -> dict[str, Any]:
    request, retry_of = submission.request, submission.retry_of
    return {
        "id": uuid4(),
        "request_id": submission.request_id,
        "owner_id": submission.owner_id,
        "idempotency_key": submission.idempotency_key,
        "client_order_id": request.client_order_id,
        "retry_of_id": retry_of.id if retry_of else None,
        "request_hash": request.digest(),
        "order_type": request.order_type,
        "token_in_id": request.token_in.id,
        "token_out_id": request.token_out.id,
        "amount_in": request.amount_in,
        "slippage_bps": request.slippage_bps,
        "max_price_impact_bps": request.max_price_impact_bps,
        "deadline": timedelta(seconds=settings.ORDER_TTL_S),
        "due_at": KEEPER_DELAY,
        "most_open": guards.max_open_orders(submission.owner_id),
    }


def _placed_before(
    submission: Submission, denial: OrderDenied | None = None
) -> Placement | Exception:
    """Return what took the place of an order that was left out, or else what denied it."""
    try:
        earlier = find_earlier(submission)
    except (Error, OrderError) as error:
        return error
    if earlier is not None:
        return Placement(earlier.id, created=False)
    if denial is not None:
        return denial
    if submission.retry_of is not None:
        return RetryRefused("The order was retried before.")
    return DatabaseUnavailable("The database kept no order, and no other has its key.")


def _found_after_lost_commit(order_ids: Collection[UUID]) -> set[UUID]:
    """Read orders by their ids on a new connection; queue those that are there."""
    connection.close()
    try:
        found = set(Order.objects.filter(id__in=order_ids).values_list("id", flat=True))
    except Error:
        found = set()
    for order_id in found:
        logger.warning("order %s was committed although the answer was lost", order_id)
        queue.enqueue(order_id)
    return found
