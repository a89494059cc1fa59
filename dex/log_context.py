"""What a log record belongs to: the request that is answered, the order that is carried.

Set by whoever answers or carries; read by the formatters of ordersite/logs.py.
"""

from __future__ import annotations

from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
ORDER_ID: ContextVar[str] = ContextVar("order_id", default="")
