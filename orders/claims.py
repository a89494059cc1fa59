"""Claim, lease, fence: who may carry out an order now. All times are the database's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now

from .held import Held, rows_to_hold
from .models import STILL_OPEN, Order, Status, WaitingCode

LEASE = timedelta(seconds=10)
SUSPECT_AFTER = 2  # claims without progress: taken alone, by a keeper only
REVIEW_AFTER = 20  # claims without progress: only watched, until an operator looks
NO_PROGRESS = (
    f"It was begun {REVIEW_AFTER} times without any progress, so it may be what stops its "
    "workers. An operator must look at their logs, then clear the review or fail it."
)
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
    wanted = _free().filter(id__in=order_ids, idle_claims__lt=SUSPECT_AFTER)
    return _claim(wanted, len(order_ids), owner)


def claim_overdue(*, limit: int, owner: str) -> list[Claimed]:
    """Claim up to `limit` orders that nobody carried out in time, for a keeper."""
    overdue = _free().filter(due_at__lt=Now(), idle_claims__lt=SUSPECT_AFTER)
    return _claim(overdue, limit, owner)


def claim_suspect(*, owner: str) -> Claimed | None:
    """Claim one order that was claimed twice without progress, for an idle keeper."""
    suspects = _free().filter(
        due_at__lt=Now(), idle_claims__gte=SUSPECT_AFTER, idle_claims__lt=REVIEW_AFTER
    )
    claimed = _claim(suspects, 1, owner, is_suspect=True)
    return claimed[0] if claimed else None


def claim_for_watching(*, limit: int, owner: str) -> list[Claimed]:
    """Claim submitted orders that need review: to watch their live attempt only."""
    waiting = Order.objects.filter(
        STILL_OPEN,
        _unleased(),
        status=Status.SUBMITTED,
        needs_review_at__isnull=False,
    )
    return _claim(waiting, limit, owner, watch_only=True)


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


def _unleased() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=Now())


def _free() -> QuerySet[Order]:
    return Order.objects.filter(STILL_OPEN, _unleased(), needs_review_at__isnull=True)


def _claim(
    orders: QuerySet[Order],
    limit: int,
    owner: str,
    *,
    watch_only: bool = False,
    is_suspect: bool = False,
) -> list[Claimed]:
    counted = int(not watch_only)
    with transaction.atomic():
        free = rows_to_hold(orders).annotate(now=Now()).order_by("due_at")
        rows = list(free.select_for_update(skip_locked=True, of=("self",))[:limit])
        if not rows:
            return []
        leased_until = rows[0].now + LEASE
        Order.objects.filter(id__in=[row.id for row in rows]).update(
            fence=F("fence") + 1,
            lease_owner=owner,
            lease_until=leased_until,
            due_at=leased_until,
            idle_claims=F("idle_claims") + counted,
        )
    for row in rows:
        # They are locked, so this is what the update has written.
        row.fence += 1
        row.lease_owner = owner
        row.lease_until = row.due_at = leased_until
        row.idle_claims += counted
    return [
        Claimed(Claim(row.id, row.fence, watch_only, is_suspect), Held.of(row))
        for row in rows
    ]


def mark_for_review() -> None:
    """Set aside for an operator what was claimed too often without progress."""
    _free().filter(idle_claims__gte=REVIEW_AFTER).update(**_in_review(NO_PROGRESS))


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
