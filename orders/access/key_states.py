"""Whether a key counts, in the words of the admin and of `manage.py apikey list`."""

from __future__ import annotations

from datetime import datetime

from .models import ApiKey


def state_of(key: ApiKey, now: datetime) -> str:
    """Say whether a key counts, and when that ends or ended."""
    if key.revoked_at is not None:
        return f"revoked {minute(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    is_over = key.expires_at <= now
    return f"{'expired' if is_over else 'valid until'} {minute(key.expires_at)}"


def minute(moment: datetime | None) -> str:
    """Write a moment to the minute, in UTC; None is never."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else "never"
