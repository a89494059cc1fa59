"""What an order leaves behind: its events, and the transactions signed for it.

Written only by `insertion.py` and `transitions.py`.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from dex.models import VenueName

from .base_units import base_units
from .statuses import TERMINAL, AttemptState, Status


class OrderEvent(models.Model):
    """One step of an order. The history row is the event that clients see."""

    # Not indexed by itself: event_sequence_once_per_order begins with it.
    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="events", db_index=False
    )
    sequence = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices)
    attempt = models.PositiveSmallIntegerField()
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("order", "sequence")
        constraints = (
            models.UniqueConstraint(
                fields=("order", "sequence"), name="event_sequence_once_per_order"
            ),
            models.UniqueConstraint(
                fields=("order",),
                condition=Q(status__in=TERMINAL),
                name="event_one_terminal_per_order",
            ),
            models.CheckConstraint(
                condition=Q(sequence__gt=0), name="event_sequence_positive"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="event_status_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id}:{self.sequence} {self.status}"


class Attempt(models.Model):
    """One signed transaction of an order, saved before it was first sent."""

    # Not indexed by itself: attempt_number_once_per_order begins with it.
    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=16, choices=AttemptState.choices, default=AttemptState.LIVE
    )
    venue = models.CharField(max_length=16, choices=VenueName.choices)
    pool = models.CharField(max_length=44)
    vault_in = models.CharField(max_length=44)
    vault_out = models.CharField(max_length=44)
    signature = models.CharField(max_length=88)
    raw_transaction = models.BinaryField()
    blockhash = models.CharField(max_length=44)
    last_valid_block_height = models.BigIntegerField()
    quoted_amount_out = base_units()
    min_amount_out = base_units()
    slot = models.BigIntegerField(null=True, blank=True)
    fee_lamports = models.BigIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    # Which program refused it on chain, and its own name of the error.
    program = models.CharField(max_length=64, blank=True)
    program_error = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("order", "number")
        constraints = (
            models.UniqueConstraint(
                fields=("order", "number"), name="attempt_number_once_per_order"
            ),
            # Not by unique=True, which adds an index for searches by LIKE.
            models.UniqueConstraint(
                fields=("signature",), name="attempt_signature_is_unique"
            ),
            models.UniqueConstraint(
                fields=("order",),
                condition=Q(state__in=(AttemptState.LIVE, AttemptState.LANDED)),
                name="attempt_one_live_per_order",
            ),
            models.CheckConstraint(
                condition=Q(number__gt=0), name="attempt_number_positive"
            ),
            models.CheckConstraint(
                condition=Q(state__in=AttemptState.values),
                name="attempt_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(min_amount_out__gt=0), name="attempt_floor_positive"
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id}:{self.number}"
