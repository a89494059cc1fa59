"""The denials of the guards on money, and how a test brings them about."""

from __future__ import annotations

from dex.halting import halt_by_operator
from dex.models import Token
from orders.models import Order, OrderLimits
from orders.recent import forget_all

HALTED = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "Trading is halted until an operator lifts it. Nothing was stored: send the "
    "order again later. Orders that were accepted before wait until their deadline.",
    "instance": "/api/orders/execute",
    "code": "trading_halted",
    "retryAfterSeconds": 60,
    "rule": "trading",
    "limit": "active",
    "value": "halted",
}

TOO_LARGE = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "One order may sell 100.5 A at most. Send a smaller one.",
    "instance": "/api/orders/execute",
    "code": "order_too_large",
    "rule": "max_order",
    "limit": "100.5",
    "value": "100.500000001",
}

TOO_MANY = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": "You have 2 open orders, and 2 are the most. Wait until one has ended, or "
    "cancel one.",
    "instance": "/api/orders/execute",
    "code": "too_many_open_orders",
    "rule": "max_open_orders",
    "limit": 2,
    "value": 2,
}


def halt() -> None:
    halt_by_operator(by="ann", reason="the provider lies")
    forget_all()


def limit(**columns: int) -> None:
    OrderLimits.objects.update_or_create(id=1, defaults=columns)
    forget_all()


def set_max_order(base_units: int | None) -> None:
    Token.objects.filter(symbol="A").update(max_order=base_units)
    forget_all()


def denial(answer) -> dict[str, object]:
    body = dict(answer.json())
    assert body.pop("requestId") == answer["X-Request-ID"]
    assert answer.status_code == body["status"]
    return body


def count_orders() -> int:
    return Order.objects.count()
