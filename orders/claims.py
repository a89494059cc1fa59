"""Claim, lease, fence: who may carry out an order now. All times are the database's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BooleanField, F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest, Now

from .held import HELD, ITS_TOKENS, TOKENS, Held, read_row
from .models import STILL_OPEN, Order, Status, WaitingCode

LEASE = timedelta(seconds=10)
SUSPECT_AFTER = 2  # claims without progress: taken alone, by a keeper only
REVIEW_AFTER = 20  # claims without progress: only watched, until an operator looks
NO_PROGRESS = (
    f"It was begun {REVIEW_AFTER} times without any progress, so it may be what stops its "
    "workers. An operator must look at their logs, then clear the review or fail it."
)
NOW = "STATEMENT_TIMESTAMP()"
IS_OPEN = "closed_at IS NULL"
IS_DUE = f"due_at < {NOW}"
# One statement, so one transaction: what it finds free it has locked, and what it returns
# is what it has written. By the ORM a claim is four statements, of which putting them
# together takes most of the CPU. ANY(ARRAY(…)) looks the rows up by their ids, however
# little PostgreSQL knows of the table.
CLAIM = f"""
    UPDATE orders_order
    SET fence = fence + 1, lease_owner = %s, idle_claims = idle_claims + %s,
        lease_until = {NOW} + INTERVAL '{LEASE.total_seconds()} s',
        due_at = {NOW} + INTERVAL '{LEASE.total_seconds()} s'
    FROM {TOKENS}
    WHERE orders_order.id = ANY(ARRAY(
        SELECT id FROM orders_order WHERE {{which}}
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
    )) AND {ITS_TOKENS}
    RETURNING {HELD}
"""
CARRIED_OUT_ELSEWHERE = (
    "It was carried out elsewhere: the wallet signed a transaction for it that this "
    "database does not know. An operator must look up what that did on the chain, and "
    "fail the order unless it is to swap again."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one order until somebody claims it with a higher fence."""

    order_id: UUID
    fence: int
    watch_only: bool = False
    is_suspect: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim, and the order as it stood then. Only a write tells whether it still does."""

    claim: Claim
    held: Held


def claim_order(order_id: UUID, *, owner: str) -> Claim | None:
    """Claim one order for a job, at once. None when it is held, closed or suspect."""
    claimed = claim_orders([order_id], owner=owner)
    return claimed[0].claim if claimed else None


def claim_orders(order_ids: Collection[UUID], *, owner: str) -> list[Claimed]:
    """Claim those of the orders of several jobs that are free and not suspect."""
    which = f"{_free()} AND idle_claims < %s AND id = ANY(%s)"
    return _claim(which, [SUSPECT_AFTER, [*order_ids]], len(order_ids), owner)


def claim_overdue(*, limit: int, owner: str) -> list[Claimed]:
    """Claim up to `limit` orders that nobody carried out in time, for a keeper."""
    which = f"{_free()} AND {IS_DUE} AND idle_claims < %s"
    return _claim(which, [SUSPECT_AFTER], limit, owner)


def claim_suspect(*, owner: str) -> Claimed | None:
    """Claim one order that was claimed twice without progress, for an idle keeper."""
    which = f"{_free()} AND {IS_DUE} AND idle_claims >= %s AND idle_claims < %s"
    parameters = [SUSPECT_AFTER, REVIEW_AFTER]
    claimed = _claim(which, parameters, 1, owner, is_suspect=True)
    return claimed[0] if claimed else None


def claim_for_watching(*, limit: int, owner: str) -> list[Claimed]:
    """Claim submitted orders that need review: to watch their live attempt only."""
    which = (
        f"{IS_OPEN} AND {_unleased()} AND status = %s AND needs_review_at IS NOT NULL"
    )
    return _claim(which, [Status.SUBMITTED], limit, owner, watch_only=True)


def renew(claims: Collection[Claim], *, owner: str) -> set[UUID]:
    """Renew the leases of one process in one update; return the orders still held.

    Rows that somebody locks come last, alone: they must not cost the others their leases.
    """
    fences = {claim.order_id: claim.fence for claim in claims}
    mine = Order.objects.filter(STILL_OPEN, id__in=fences, lease_owner=owner)
    with transaction.atomic():
        unlocked = mine.select_for_update(skip_locked=True, of=("self",))
        held = dict(unlocked.values_list("id", "fence"))
        Order.objects.filter(id__in=held).update(**_new_lease())
    locked = mine.filter(id__in=fences.keys() - held.keys())
    if len(held) < len(fences) and locked.update(**_new_lease()):
        held |= dict(locked.values_list("id", "fence"))
    return {order_id for order_id, fence in held.items() if fences[order_id] == fence}


def release(claims: Iterable[Claim], *, owner: str) -> None:
    """Give claims back on a planned stop, so that others take the orders at once."""
    for claim in claims:
        Order.objects.filter(
            STILL_OPEN, id=claim.order_id, fence=claim.fence, lease_owner=owner
        ).update(
            lease_until=None,
            lease_owner="",
            due_at=Now(),
            # A planned stop is no sign of poison, so this claim does not count.
            idle_claims=Greatest(F("idle_claims") - int(not claim.watch_only), 0),
        )


def _new_lease() -> dict[str, Any]:
    return {"lease_until": Now() + LEASE, "due_at": Now() + LEASE}


def _unleased() -> str:
    return f"(lease_until IS NULL OR lease_until < {NOW})"


def _free() -> str:
    return f"{IS_OPEN} AND {_unleased()} AND needs_review_at IS NULL"


def _claim(
    which: str,
    parameters: Sequence[Any],
    limit: int,
    owner: str,
    *,
    watch_only: bool = False,
    is_suspect: bool = False,
) -> list[Claimed]:
    """Claim the orders of a condition, the one that is due longest first; skip locked ones."""
    counted = int(not watch_only)
    with connection.cursor() as cursor:
        cursor.execute(CLAIM.format(which=which), [owner, counted, *parameters, limit])
        held = [read_row(row) for row in cursor.fetchall()]
    return [
        Claimed(Claim(one.order.id, one.order.fence, watch_only, is_suspect), one)
        for one in held
    ]


def mark_for_review() -> None:
    """Set aside for an operator what was claimed too often without progress."""
    free = RawSQL(_free(), (), output_field=BooleanField())
    worn_out = Order.objects.filter(free, idle_claims__gte=REVIEW_AFTER)
    worn_out.update(**_in_review(NO_PROGRESS))


def set_aside(order_ids: Collection[UUID]) -> None:
    """Leave open orders to an operator, and take them from whoever holds them.

    For orders that were carried out elsewhere: nothing may be signed for them here.
    """
    Order.objects.filter(
        STILL_OPEN, id__in=order_ids, needs_review_at__isnull=True
    ).update(
        fence=F("fence") + 1,
        lease_owner="",
        lease_until=None,
        **_in_review(CARRIED_OUT_ELSEWHERE),
    )


def _in_review(message: str) -> dict[str, Any]:
    """Return the columns of an order that waits for an operator."""
    return {
        "needs_review_at": Now(),
        "waiting_code": WaitingCode.NEEDS_REVIEW,
        "waiting_message": message,
        "waiting_since": Now(),
    }
