"""Columns of amounts."""

from __future__ import annotations

from typing import Any

from django.db import models


def base_units(**options: Any) -> models.DecimalField[Any, Any]:
    """A column of base units. A u64 does not fit a bigint."""
    return models.DecimalField(max_digits=20, decimal_places=0, **options)
