"""Limits that operators set while the site runs. Without a row the settings hold."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

MOST_OPEN_ORDERS = 1_000_000  # that any limit can allow


class OrderLimits(models.Model):
    """The limits of all orders. One row; an empty field stands for the setting."""

    # Counts as far as MAX_SLIPPAGE_BPS allows.
    max_slippage_bps = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(10_000)]
    )
    max_open_orders = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MOST_OPEN_ORDERS)]
    )

    class Meta:
        verbose_name = verbose_name_plural = "limits of orders"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="limits_have_one_row"),
        )

    def __str__(self) -> str:
        return "limits of orders"


class OwnerLimit(models.Model):
    """The limit of one owner; an empty field stands for that of all orders."""

    # Kept from going with its owner, because every change of a limit is recorded.
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="limit"
    )
    max_open_orders = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MOST_OPEN_ORDERS)]
    )

    class Meta:
        verbose_name, verbose_name_plural = "limit of an owner", "limits of owners"

    def __str__(self) -> str:
        return self.owner.get_username()
