"""What may be traded, where, and on which chain this database lives."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class VenueName(models.TextChoices):
    RAYDIUM = "raydium", "Raydium"
    METEORA = "meteora", "Meteora"


class Rule(models.TextChoices):
    """The guards on money: what an order may be denied for, and operators change."""

    TRADING = "trading", "trading"
    ALLOWED_TOKENS = "allowed_tokens", "allowed tokens"
    ALLOWED_POOLS = "allowed_pools", "allowed pools"
    MAX_ORDER = "max_order", "largest order"
    MAX_SLIPPAGE = "max_slippage", "largest slippage"
    MAX_OPEN_ORDERS = "max_open_orders", "most open orders"


class Token(models.Model):
    """A mint that the operator allows. Symbols are not unique on Solana; mints are."""

    mint = models.CharField(max_length=44, unique=True)
    symbol = models.CharField(max_length=16, db_index=True)
    name = models.CharField(max_length=64, blank=True)
    decimals = models.PositiveSmallIntegerField()
    token_program = models.CharField(max_length=44)
    enabled = models.BooleanField(default=True)
    # The most of it that one order may sell, in base units. Null: MAX_ORDER.
    max_order = models.DecimalField(
        max_digits=20, decimal_places=0, null=True, blank=True
    )

    class Meta:
        ordering = ("symbol", "mint")
        constraints = (
            models.CheckConstraint(
                condition=Q(decimals__lte=18), name="token_decimals_at_most_18"
            ),
            models.CheckConstraint(
                condition=Q(max_order__isnull=True) | Q(max_order__gt=0),
                name="token_max_order_positive",
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
    # Up to here, at finalized, the wallet's history was matched with the attempts. Null:
    # never yet. Only the matcher moves it, so nothing that landed is ever stepped over.
    matched_signature = models.CharField(max_length=88, blank=True, db_default="")
    matched_slot = models.BigIntegerField(null=True, blank=True)
    # What the signer checks; TradingHalt has the record.
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


class TradingHalt(models.Model):
    """One halt of trading, and who lifted it why. The one not lifted stands now."""

    chain = models.ForeignKey(Chain, models.PROTECT, related_name="halts")
    began_at = models.DateTimeField(db_default=Now())
    begun_by = models.CharField(max_length=150, blank=True, db_default="")
    reason = models.TextField()
    # [rule, subject, detail] of everything found while it stood; accepted once lifted.
    violations = models.JSONField(default=list, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("chain",),
                condition=Q(lifted_at__isnull=True),
                name="halt_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True) | ~Q(lifted_reason=""),
                name="halt_lifted_with_a_reason",
            ),
        )

    def __str__(self) -> str:
        return f"halt of {self.began_at:%Y-%m-%d %H:%M} UTC"


class GuardChange(models.Model):
    """One change of a guard. Rows are only added: the database refuses anything else."""

    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.CharField(max_length=150)
    rule = models.CharField(max_length=32, choices=Rule.choices)
    # The mint, the pool's address or the user that it holds for; "" for all.
    subject = models.CharField(max_length=150, blank=True)
    old = models.CharField(max_length=64)
    new = models.CharField(max_length=64)
    reason = models.TextField()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(rule__in=Rule.values), name="guard_change_rule_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(changed_by="") & ~Q(reason=""),
                name="guard_change_has_who_and_why",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_rule_display()}: {self.old} → {self.new}"


class AuditRun(models.Model):
    """When each part of the keeper's audit last ran, and how much it found."""

    part = models.CharField(max_length=16, primary_key=True)
    ran_at = models.DateTimeField()
    # Broken rules that no operator has accepted.
    violations = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.part
