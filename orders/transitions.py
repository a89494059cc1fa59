"""transition(): the one door through which an order's status changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from . import events, waiting
from .errors import IllegalTransition, StaleTransition
from .models import (
    TERMINAL,
    TRANSITIONS,
    Attempt,
    AttemptState,
    FundsMoved,
    Order,
    OrderEvent,
    Status,
)


@dataclass(frozen=True, slots=True)
class AttemptOpening:
    """A signed transaction to be saved with the move to submitted. Base units."""

    number: int
    venue: str
    pool: str
    vault_in: str
    vault_out: str
    signature: str
    raw_transaction: bytes
    blockhash: str
    last_valid_block_height: int
    quoted_amount_out: int
    min_amount_out: int


@dataclass(frozen=True, slots=True)
class AttemptClosing:
    """What became of the live attempt: landed, errored, or proved expired."""

    state: AttemptState
    slot: int | None = None
    fee_lamports: int | None = None
    error_code: str = ""
    error: str = ""
    program: str = ""
    program_error: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one order, complete: the status, its event, and what goes with it.

    `fence` None means an act that holds no claim (a cancel, an operator's fail): it
    needs `live_attempt = 0` and takes the fence from whoever holds the order.
    `columns` are further columns of the order that the step writes. `is_progress` False
    means a step done again for a former holder: what killed that one may lie ahead, so
    the claims without progress go on being counted.
    """

    order_id: UUID
    to: Status
    expected: Collection[Status]
    fence: int | None
    attempt: int
    data: Mapping[str, Any]
    columns: Mapping[str, Any] | None = None
    opens: AttemptOpening | None = None
    closes: AttemptClosing | None = None
    is_progress: bool = True


def transition(move: Move) -> OrderEvent:
    """Move an order one step and write its event, in one database transaction.

    Ends what the order waited for, and says so in the event. Publishes after commit.
    Raises IllegalTransition when TRANSITIONS forbids the move
    (a bug), StaleTransition when the order is no longer where `move` expects it.
    """
    _check(move)
    with transaction.atomic():
        _write_order(move)
        event = _write_event(move)
        if move.opens is not None:
            Attempt.objects.create(order_id=move.order_id, **asdict(move.opens))
        if move.closes is not None:
            _close_attempt(move.order_id, move.closes)
        transaction.on_commit(lambda: events.publish(event), robust=True)
    return event


def funds_moved(order_id: UUID, closes: AttemptClosing | None = None) -> FundsMoved:
    """Say what all attempts of an unhappy order cost: nothing, or network fees."""
    landed_with_error = (
        closes is not None and closes.state == AttemptState.ERRORED
    ) or Attempt.objects.filter(order_id=order_id, state=AttemptState.ERRORED).exists()
    return FundsMoved.FEE_ONLY if landed_with_error else FundsMoved.NONE


def unhappy_end(
    order_id: UUID, code: str, message: str, closes: AttemptClosing | None = None
) -> dict[str, Any]:
    """Write the `data` and `columns` of a Move to failed, cancelled or expired."""
    moved = funds_moved(order_id, closes)
    return {
        "data": {"code": code, "message": message, "fundsMoved": moved},
        "columns": {
            "failure_code": code,
            "failure_message": message,
            "funds_moved": moved,
        },
    }


def _check(move: Move) -> None:
    for old in move.expected:
        if move.to not in TRANSITIONS[old]:
            raise IllegalTransition(f"{old} → {move.to} is not allowed")
    if (move.to == Status.SUBMITTED) != (move.opens is not None):
        raise IllegalTransition("an order is submitted with its attempt, never without")
    # Nothing leaves submitted before the chain has decided its attempt.
    if (Status.SUBMITTED in move.expected) != (move.closes is not None):
        raise IllegalTransition("leaving submitted closes the live attempt")
    if move.closes is not None and (move.to == Status.CONFIRMED) != (
        move.closes.state == AttemptState.LANDED
    ):
        raise IllegalTransition("a swap that landed is confirmed, and nothing else is")
    if move.closes is not None and move.closes.state == AttemptState.LIVE:
        raise IllegalTransition("an attempt that closes has landed, erred or expired")
    if move.fence is None and (move.opens is not None or move.closes is not None):
        raise IllegalTransition("only the holder of a claim opens or closes an attempt")


def _write_order(move: Move) -> None:
    where = Q(id=move.order_id, status__in=move.expected)
    changes: dict[str, Any] = dict(move.columns or {})
    if move.fence is None:
        where &= Q(live_attempt=0)
        changes["fence"] = F("fence") + 1
    else:
        where &= Q(fence=move.fence)
    if move.opens is not None:
        where &= Q(live_attempt=0, cancel_requested_at__isnull=True, deadline__gt=Now())
        changes["live_attempt"] = move.opens.number
    elif move.closes is not None:
        where &= Q(live_attempt__gt=0)
        changes["live_attempt"] = 0
    if move.to in TERMINAL:
        changes |= {"closed_at": Now(), "lease_until": None, "lease_owner": ""}
    changed = Order.objects.filter(where).update(
        status=move.to,
        attempt=move.attempt,
        last_sequence=F("last_sequence") + 1,
        **({"idle_claims": 0} if move.is_progress else {}),
        **changes,
    )
    if changed != 1:
        raise StaleTransition(f"order {move.order_id} has moved on")


def _write_event(move: Move) -> OrderEvent:
    # The row is locked by the update above, so this number is ours alone.
    orders = Order.objects.filter(id=move.order_id)
    row = orders.values("last_sequence", *waiting.COLUMNS, now=Now()).get()
    waited_for = waiting.waited_for(row, until=row["now"])
    if waited_for:
        orders.update(**waiting.CLEARED)
    event = OrderEvent(
        order_id=move.order_id,
        sequence=row["last_sequence"],
        status=move.to,
        attempt=move.attempt,
        data={**move.data, **waited_for},
    )
    event.save(force_insert=True)
    return event


def _close_attempt(order_id: UUID, closes: AttemptClosing) -> None:
    changed = Attempt.objects.filter(order_id=order_id, state=AttemptState.LIVE).update(
        **asdict(closes), closed_at=Now()
    )
    if changed != 1:
        raise StaleTransition(f"order {order_id} has no live attempt")
