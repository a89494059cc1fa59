"""Limits for one test: set, counted from nothing, and known to whoever counts them."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings as current

from orders.access.limits import forget_limits


def forget_counts() -> None:
    """Fill every bucket of this run's Redis."""
    with redis.Redis.from_url(current.REDIS_URL) as client:
        if names := client.keys("limit:*"):
            client.delete(*names)


def set_limits(settings: Any, **limits: int) -> None:
    for name, value in limits.items():
        setattr(settings, name, value)
    forget_counts()
    forget_limits()
