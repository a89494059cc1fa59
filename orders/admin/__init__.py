"""Orders in the admin: looked at here, changed only through the services."""

from __future__ import annotations

from .keys import ApiKeyAdmin
from .limits import OrderLimitsAdmin, OwnerLimitAdmin
from .orders import OrderAdmin

__all__ = ["ApiKeyAdmin", "OrderAdmin", "OrderLimitsAdmin", "OwnerLimitAdmin"]
