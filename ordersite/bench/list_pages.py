"""The pages that are looked at: each filter alone and together, near the top and deep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.listing import list_orders
from orders.models import Order

from .list_table import OWNER

_NOW = timezone.now()


def _ago(**time: float) -> str:
    return (_NOW - timedelta(**time)).isoformat()


PAGES: dict[str, dict[str, str]] = {
    "no filter": {},
    "200 orders": {"limit": "200"},
    "`status=confirmed`": {"status": "confirmed"},
    "`status=failed` (2 %)": {"status": "failed"},
    "`status=expired` (10 orders)": {"status": "expired"},
    "`status=pending` (open)": {"status": "pending"},
    "`status=pending,failed`": {"status": "pending,failed"},
    "`type=market`": {"type": "market"},
    "`venue=meteora`": {"venue": "meteora"},
    "`token=A`": {"token": "A"},
    "`token=RARE` (0.1 %)": {"token": "RARE"},
    "`token=NONE`": {"token": "NONE"},
    "one day, a month ago": {
        "createdAfter": _ago(days=31),
        "createdBefore": _ago(days=30),
    },
    "`status=expired` within that day": {
        "status": "expired",
        "createdAfter": _ago(days=31),
        "createdBefore": _ago(days=30),
    },
    "all filters": {
        "status": "failed,cancelled",
        "type": "market",
        "venue": "raydium",
        "token": "RARE",
        "createdAfter": _ago(days=300),
        "createdBefore": _ago(days=1),
    },
}


class Page:
    """One page of the owner's list, as the API asks for it."""

    def __init__(self, query: dict[str, str]) -> None:
        self._query = QueryDict(mutable=True)
        self._query.update(query)
        self.orders: Sequence[Order] = ()
        self.next_cursor: str | None = None

    def read(self) -> None:
        self.orders, self.next_cursor = list_orders(_orders(), self._query)

    def plans(self) -> list[str]:
        """Carry out each statement once more, and say how."""
        with CaptureQueriesContext(connection) as asked:
            self.read()
        lines = []
        with connection.cursor() as cursor:
            for statement in asked:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement['sql']}")
                lines += ["", *(line for (line,) in cursor.fetchall())]
        return lines


def positions() -> dict[str, dict[str, str]]:
    """Return the cursors at which pages begin: none, and after half of all orders."""
    half = Order.objects.order_by("created_at").values_list("created_at", flat=True)
    oldest, newest = half.first(), half.last()
    assert oldest is not None, "the table is filled"
    assert newest is not None, "the table is filled"
    middle = oldest + (newest - oldest) / 2
    found = Page({"createdBefore": middle.isoformat(), "limit": "1"})
    found.read()
    assert found.next_cursor is not None, "half of the orders are older"
    return {"first page": {}, "deep page": {"cursor": found.next_cursor}}


def _orders() -> QuerySet[Order]:
    return Order.objects.filter(owner_id=_owner_id())


@cache
def _owner_id() -> int:
    return int(get_user_model().objects.get(username=OWNER).pk)
