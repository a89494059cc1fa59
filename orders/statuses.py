"""The states of orders and attempts, and the moves between them."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_UNHAPPY = {Status.CANCELLED, Status.EXPIRED, Status.FAILED}

TRANSITIONS: dict[Status, set[Status]] = {
    Status.PENDING: {Status.ROUTING, *_UNHAPPY},
    Status.ROUTING: {Status.ROUTING, Status.BUILDING, *_UNHAPPY},
    Status.BUILDING: {Status.ROUTING, Status.SUBMITTED, *_UNHAPPY},
    # Anything but confirmed only once the attempt is proved dead: see transition().
    Status.SUBMITTED: {Status.CONFIRMED, Status.ROUTING, *_UNHAPPY},
    Status.CONFIRMED: set(),
    Status.FAILED: set(),
    Status.CANCELLED: set(),
    Status.EXPIRED: set(),
}
TERMINAL = tuple(status for status, targets in TRANSITIONS.items() if not targets)
OPEN = tuple(status for status, targets in TRANSITIONS.items() if targets)


class OrderType(models.TextChoices):
    MARKET = "market"


class AttemptState(models.TextChoices):
    LIVE = "live", "live"  # signed: it may land at any time
    LANDED = "landed", "landed"
    ERRORED = "errored", "landed with an error"
    EXPIRED = "expired", "proved expired"


class FundsMoved(models.TextChoices):
    NONE = "none"
    FEE_ONLY = "fee_only"
