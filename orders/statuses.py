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


class WaitingCode(models.TextChoices):
    """Why an order does not move. Stable: clients and operators go by it."""

    CHAIN_UNREACHABLE = "chain_unreachable", "chain unreachable"
    RPC_REJECTED = "rpc_rejected", "RPC rejected"
    TRADING_HALTED = "trading_halted", "trading halted"
    WALLET_UNMATCHED = "wallet_unmatched", "wallet unmatched"
    EXPIRY_UNPROVED = "expiry_unproved", "expiry unproved"
    FAILURE_UNPROVED = "failure_unproved", "failure unproved"
    ENDPOINTS_DISAGREE = "endpoints_disagree", "endpoints disagree"
    NEEDS_REVIEW = "needs_review", "needs review"


class FundsMoved(models.TextChoices):
    NONE = "none"
    FEE_ONLY = "fee_only"
