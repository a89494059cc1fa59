"""Orders: what was asked, where each stands, what became of it, and who carries it out.

Written only by `insertion.py`, `services.py`, `transitions.py`, `claims.py`, `waiting.py`, `review.py`.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from dex.models import Token, VenueName

from .access.guard_models import OrderLimits, OwnerLimit
from .access.models import ApiKey
from .base_units import base_units
from .history_models import Attempt, OrderEvent
from .statuses import (
    OPEN,
    TERMINAL,
    TRANSITIONS,
    AttemptState,
    FundsMoved,
    OrderType,
    Status,
    WaitingCode,
)

__all__ = [
    "OPEN",
    "STILL_OPEN",
    "TERMINAL",
    "TRANSITIONS",
    "ApiKey",
    "Attempt",
    "AttemptState",
    "FundsMoved",
    "Order",
    "OrderEvent",
    "OrderLimits",
    "OrderType",
    "OwnerLimit",
    "Status",
    "WaitingCode",
]

# What a query must say to be answered by the index of open orders. Not by their status: a
# column in an index's condition counts as indexed, and then each step of an order would
# have to write into every index of the table.
STILL_OPEN = Q(closed_at__isnull=True)


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Not indexed by itself: order_owner_newest begins with it.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", db_index=False
    )
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique where present
    # The owner's own name of the order.
    client_order_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - unique where present
    request_hash = models.CharField(max_length=64)
    retry_of = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="retried_as"
    )

    # What was asked.
    order_type = models.CharField(max_length=16, choices=OrderType.choices)
    token_in = models.ForeignKey(Token, models.PROTECT, related_name="orders_in")
    token_out = models.ForeignKey(Token, models.PROTECT, related_name="orders_out")
    amount_in = base_units()
    slippage_bps = models.PositiveIntegerField()
    # Null: the limit of the settings alone.
    max_price_impact_bps = models.PositiveIntegerField(null=True, blank=True)

    # Where it stands.
    status = models.CharField(
        max_length=16, choices=Status.choices, default=Status.PENDING
    )
    last_sequence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    # The number of the Attempt that may still land, 0 when none can. It stands on this
    # row because a blocked UPDATE re-checks this row only, never a sub-select.
    live_attempt = models.PositiveSmallIntegerField(default=0)
    min_amount_out = base_units(null=True, blank=True)  # the floor: set once
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    # Why it does not move, while it waits: see waiting.py.
    waiting_code = models.CharField(
        max_length=32, choices=WaitingCode.choices, blank=True
    )
    waiting_message = models.TextField(blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)

    # What became of it.
    venue = models.CharField(max_length=16, choices=VenueName.choices, blank=True)
    amount_in_filled = base_units(null=True, blank=True)
    amount_out = base_units(null=True, blank=True)
    # Not indexed, because a step writes it: it is found by its attempt.
    signature = models.CharField(max_length=88, blank=True)
    slot = models.BigIntegerField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.TextField(blank=True)
    funds_moved = models.CharField(
        max_length=16, choices=FundsMoved.choices, blank=True
    )

    # Who carries it out.
    fence = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    idle_claims = models.PositiveIntegerField(default=0)  # claims without progress
    needs_review_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(F("created_at").desc(), F("id").desc(), name="order_newest"),
            models.Index(
                F("owner"),
                F("created_at").desc(),
                F("id").desc(),
                name="order_owner_newest",
            ),
            models.Index(
                fields=("due_at",), condition=STILL_OPEN, name="order_open_due"
            ),
            # For the guard that counts what an owner has open.
            models.Index(
                fields=("owner",), condition=STILL_OPEN, name="order_open_owner"
            ),
            # For the auditor: what ended lately.
            models.Index(
                fields=("closed_at",), condition=~STILL_OPEN, name="order_closed"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "idempotency_key"), name="order_key_once_per_owner"
            ),
            models.UniqueConstraint(
                fields=("owner", "client_order_id"),
                condition=Q(client_order_id__isnull=False),
                name="order_client_id_once_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(amount_in__gt=0), name="order_amount_in_positive"
            ),
            models.CheckConstraint(
                condition=Q(min_amount_out__isnull=True) | Q(min_amount_out__gt=0),
                name="order_floor_positive",
            ),
            models.CheckConstraint(
                condition=~Q(token_in=F("token_out")), name="order_tokens_differ"
            ),
            models.CheckConstraint(
                condition=Q(slippage_bps__lte=10_000), name="order_slippage_at_most_one"
            ),
            models.CheckConstraint(
                condition=Q(max_price_impact_bps__isnull=True)
                | Q(max_price_impact_bps__lte=10_000),
                name="order_price_impact_at_most_one",
            ),
            models.CheckConstraint(
                condition=Q(order_type__in=OrderType.values), name="order_type_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="order_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status=Status.SUBMITTED, live_attempt__gt=0)
                | (~Q(status=Status.SUBMITTED) & Q(live_attempt=0)),
                name="order_submitted_means_live_attempt",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=Status.CONFIRMED,
                    amount_out__isnull=False,
                    amount_in_filled__isnull=False,
                )
                | (~Q(status=Status.CONFIRMED) & Q(amount_out__isnull=True)),
                name="order_fill_means_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(status__in=TERMINAL, closed_at__isnull=False)
                | Q(status__in=OPEN, closed_at__isnull=True),
                name="order_closed_means_terminal",
            ),
            models.CheckConstraint(
                condition=Q(waiting_code="", waiting_since__isnull=True)
                | (~Q(waiting_code="") & Q(waiting_since__isnull=False)),
                name="order_waiting_has_its_beginning",
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_closed(self) -> bool:
        return self.status in TERMINAL
