"""Orders in the admin: looked at here, changed only through the services."""

from __future__ import annotations

from .orders import OrderAdmin

__all__ = ["OrderAdmin"]
