"""What one page of the list of orders looks at, so that it is fast however many there are.

A page looks at the newest LOOKED_AT orders, up to a moment that can be chosen. Its filters,
counts and sorting see these alone. Open orders are few and have an index, so a filter that
asks for some of them sees them all; and so does a search, which goes by an index. Only a
user may have any number of orders: of these, too, the newest are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from orders.models import OPEN, STILL_OPEN, Order

from .search import owner_named

LOOKED_AT = 10_000
UNTIL = "until"


class UntilFilter(admin.SimpleListFilter):
    """Chooses the day at which a list begins that goes back from there."""

    title = "Created until"
    parameter_name = UNTIL
    template = "admin/orders/order/until.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]  # a filter without any is not shown

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Leave it to the list: what it looks at begins there."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {
            "day": (self.value() or "")[:10],
            "kept": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name != UNTIL
                for value in values
            ],
        }


class OrderList(ChangeList):
    """`older` is the query string of the page that goes on where this one ends looking."""

    older: str | None = None

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Order]:
        orders: QuerySet[Order] = self.model_admin.get_queryset(request)
        self.root_queryset = self._looked_at(request, orders)
        found: QuerySet[Order] = super().get_queryset(request, exclude_parameters)
        return found

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        except DisallowedModelAdminLookup as error:
            said = (
                "There is no such filter. Search for a user's name to see its orders."
            )
            messages.error(request, said)
            raise IncorrectLookupParameters from error  # leads back to the list

    def _looked_at(
        self, request: HttpRequest, orders: QuerySet[Order]
    ) -> QuerySet[Order]:
        if request.method == "POST" and request.POST.get("select_across") != "1":
            # They may have been anywhere: an order's page has buttons, too.
            return orders.filter(pk__in=_selected(request))
        owner_id = owner_named(self.query)
        if owner_id is not None:
            orders = orders.filter(owner_id=owner_id)
        elif self.query.strip():
            return orders
        if self._asks_for_open_orders():
            return orders.filter(STILL_OPEN)
        return self._newest(request, orders)

    def _asks_for_open_orders(self) -> bool:
        return self.params.get("status__exact") in OPEN or any(
            self.params.get(name) for name in ("review", "waiting_code__exact")
        )

    def _newest(self, request: HttpRequest, orders: QuerySet[Order]) -> QuerySet[Order]:
        if text := self.params.get(UNTIL):
            try:
                orders = orders.filter(created_at__lt=_end_of(text))
            except (ValueError, OverflowError):
                said = f"There is no day {text[:40]}. Write it as in 2026-11-29."
                messages.error(request, said)
        moments = orders.order_by("-created_at", "-id").values_list(
            "created_at", flat=True
        )
        last_and_next = moments[LOOKED_AT - 1 : LOOKED_AT + 1]
        if len(last_and_next) < 2:
            return orders
        moment = last_and_next[0]
        self.older = self.get_query_string({UNTIL: moment.isoformat()})
        return orders.filter(created_at__gte=moment)


def _end_of(text: str) -> datetime:
    """Return the moment before which orders count. Raises ValueError, OverflowError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment
    return datetime.combine(moment.date(), time(), UTC) + timedelta(days=1)


def _selected(request: HttpRequest) -> list[UUID]:
    found = []
    for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
