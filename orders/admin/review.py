"""The orders that wait for an operator: finding them, and acting on them with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from orders.models import STILL_OPEN, Order
from orders.review import clear_review, fail_order

MAX_REASON = 500
# What the page that asks for the reason hands on from the list, or from an order's page.
KEPT = ("action", "index", "select_across", "_from_page")


class ReviewFilter(admin.SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("needed", "Needs review")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        if self.value() != "needed":
            return queryset
        return queryset.filter(STILL_OPEN, needs_review_at__isnull=False)


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to orders with a reason, and how it is asked, of one and of several."""

    do: Callable[[Order, str], Order]
    done: str
    one: str
    several: str
    follows_for_one: str
    follows_for_several: str

    def asked_of(self, count: int) -> dict[str, str]:
        """Return what the page that asks for the reason says."""
        if count == 1:
            return {"act": self.one, "consequence": self.follows_for_one}
        several = self.several.format(count=count)
        return {"act": several, "consequence": self.follows_for_several}


CLEAR = Act(
    lambda order, reason: clear_review(order),
    "Cleared the review of",
    "Clear the review of this order",
    "Clear the review of {count} orders",
    "It is carried out again, as if it had never been begun. The reason is recorded.",
    "They are carried out again, as if they had never been begun. The reason is recorded.",
)
FAIL = Act(
    fail_order,
    "Failed",
    "Fail this order",
    "Fail {count} orders",
    "It ends without a swap. The reason is recorded, and shown to its owner.",
    "They end without a swap. The reason is recorded, and shown to their owners.",
)


class ReviewActions:
    """Two actions of the list of orders. Each asks for a reason first, and records it."""

    @admin.action(
        description="Clear the review of selected orders", permissions=["operate"]
    )
    def clear_reviews(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse | None:
        return self._with_reason(request, queryset, CLEAR)

    @admin.action(description="Fail selected orders in review", permissions=["operate"])
    def fail_orders(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse | None:
        return self._with_reason(request, queryset, FAIL)

    def operate(
        self,
        request: HttpRequest,
        orders: QuerySet[Order],
        done: str,
        act: Callable[[Order], Order],
        reason: str = "",
    ) -> HttpResponse | None:
        """Do `act` to each order, say what was done, and record it with the reason."""
        raise NotImplementedError

    def _with_reason(
        self, request: HttpRequest, orders: QuerySet[Order], act: Act
    ) -> HttpResponse | None:
        reason = request.POST.get("reason", "").strip()
        if 0 < len(reason) <= MAX_REASON:
            return self.operate(
                request, orders, act.done, lambda order: act.do(order, reason), reason
            )
        asked = "reason" in request.POST
        kept = [(name, request.POST[name]) for name in KEPT if name in request.POST]
        asking = act.asked_of(orders.count())
        context = {
            **admin.site.each_context(request),
            **asking,
            "title": f"{asking['act']}?",
            "opts": Order._meta,
            "orders": orders,
            "kept": kept,
            # With the filters of the list, which the act comes back to.
            "list_url": request.get_full_path(),
            "is_from_page": "_from_page" in request.POST,
            "reason": reason,
            "max_reason": MAX_REASON,
            "problem": f"Give a reason of 1 to {MAX_REASON} characters."
            if asked
            else "",
        }
        return TemplateResponse(request, "admin/orders/order/reason.html", context)
