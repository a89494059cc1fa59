"""What may be traded, where, and on which chain this database lives."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class VenueName(models.TextChoices):
    RAYDIUM = "raydium", "Raydium"
    METEORA = "meteora", "Meteora"


class Token(models.Model):
    """A mint that the operator allows. Symbols are not unique on Solana; mints are."""

    mint = models.CharField(max_length=44, unique=True)
    symbol = models.CharField(max_length=16, db_index=True)
    name = models.CharField(max_length=64, blank=True)
    decimals = models.PositiveSmallIntegerField()
    token_program = models.CharField(max_length=44)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("symbol", "mint")
        constraints = (
            models.CheckConstraint(
                condition=Q(decimals__lte=18), name="token_decimals_at_most_18"
            ),
        )

    def __str__(self) -> str:
        return self.symbol


class Pool(models.Model):
    """A pool that the operator allows orders to be routed through."""

    address = models.CharField(max_length=44, unique=True)
    venue = models.CharField(max_length=16, choices=VenueName.choices)
    token_a = models.ForeignKey(Token, models.PROTECT, related_name="+")
    token_b = models.ForeignKey(Token, models.PROTECT, related_name="+")
    enabled = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("venue", "address")
        constraints = (
            models.CheckConstraint(
                condition=Q(venue__in=VenueName.values), name="pool_venue_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(token_a=models.F("token_b")), name="pool_tokens_differ"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_venue_display()} {self.address[:6]}…"


class Chain(models.Model):
    """The one chain this database belongs to. One row, written when it first meets it."""

    genesis_hash = models.CharField(max_length=44)
    is_localnet = models.BooleanField()
    wallet = models.CharField(max_length=44)
    # Names this database in the memo of its set-up transactions.
    database_id = models.UUIDField(default=uuid.uuid4, editable=False)
    # The wallet's newest signature when the chain was first met; "" when it had none.
    baseline_signature = models.CharField(max_length=88, blank=True)
    baseline_slot = models.BigIntegerField(default=0)
    halted_at = models.DateTimeField(null=True, blank=True)
    halted_reason = models.TextField(blank=True)
    met_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "chain"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="chain_has_one_row"),
        )

    def __str__(self) -> str:
        return "localnet" if self.is_localnet else self.genesis_hash
