"""The list of orders, and what an operator may do to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator

from dex.admin.read_only import ReadOnlyAdmin
from dex.amounts import to_whole
from orders.errors import OrderError
from orders.models import Order, WaitingCode
from orders.services import cancel_order, retry_order
from orders.waiting import wait_of

from .bounds import LOOKED_AT, OrderList, UntilFilter
from .page import OrderPage, duration
from .review import ReviewActions, ReviewFilter
from .search import HELP, found


@admin.register(Order)
class OrderAdmin(ReviewActions, ReadOnlyAdmin):
    """Read-only but for its actions: a status changes through transition() alone."""

    list_display = (
        "short_id",
        "status_badge",
        "short_owner",
        "type",
        "pair",
        "amount_in_whole",
        "amount_out_whole",
        "venue",
        "attempt_count",
        "age",
    )
    list_filter = (
        UntilFilter,
        "status",
        "order_type",
        "venue",
        "token_in",
        "token_out",
        ReviewFilter,
        "waiting_code",
    )
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("id",)  # what shows the field: see search.py
    search_help_text = HELP
    fields = ("status",)  # the page is drawn by the template
    actions = ("cancel_orders", "retry_orders", "clear_reviews", "fail_orders")

    class Media:
        css: ClassVar = {"all": ("orders/admin.css",)}

    # Who may do what.

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return super().has_view_permission(request, obj) or self.has_operate_permission(
            request
        )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Cancel and retry need the right that would otherwise allow an edit."""
        return bool(request.user.has_perm("orders.change_order"))

    # The list.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(request)
        # Owners apart: where there are few, a join may begin with them, and not with the
        # newest orders.
        related = orders.select_related("token_in", "token_out")
        return related.prefetch_related("owner")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[OrderList]:
        return OrderList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"looked_at": LOOKED_AT, **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        return found(queryset, search_term), False

    @admin.display(description="Order", ordering="id")
    def short_id(self, order: Order) -> str:
        return format_html('<code title="{}">{}</code>', order.id, str(order.id)[:8])

    @admin.display(description="Status", ordering="status")
    def status_badge(self, order: Order) -> str:
        badge = format_html(
            '<span class="order-status is-{}">{}</span>', order.status, order.status
        )
        wait = wait_of(order)
        since = wait.since if wait else order.needs_review_at
        if order.is_closed or since is None:
            return badge
        return format_html(
            '{} <span class="order-status is-waiting" title="{}">{}, {}</span>',
            badge,
            wait.message if wait else "",
            "needs review"
            if order.needs_review_at
            else order.get_waiting_code_display() or WaitingCode.TRADING_HALTED.label,
            duration(timezone.now() - since),
        )

    @admin.display(description="Owner")
    def short_owner(self, order: Order) -> str:
        name = order.owner.get_username()
        return format_html(
            '<span title="{}">{}</span>', name, Truncator(name).chars(20)
        )

    @admin.display(description="Type", ordering="order_type")
    def type(self, order: Order) -> str:
        return order.get_order_type_display()

    @admin.display(description="Pair")
    def pair(self, order: Order) -> str:
        return f"{order.token_in.symbol} → {order.token_out.symbol}"

    @admin.display(description="In", ordering="amount_in")
    def amount_in_whole(self, order: Order) -> str:
        return to_whole(int(order.amount_in), order.token_in.decimals)

    @admin.display(description="Out", ordering="amount_out", empty_value="–")
    def amount_out_whole(self, order: Order) -> str | None:
        if order.amount_out is None:
            return None
        return to_whole(int(order.amount_out), order.token_out.decimals)

    @admin.display(description="Attempts", ordering="attempt")
    def attempt_count(self, order: Order) -> int:
        return order.attempt

    @admin.display(description="Age", ordering="-created_at")
    def age(self, order: Order) -> str:
        return duration(timezone.now() - order.created_at)

    # The page of one order.

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        page = OrderPage(context["original"].id, now=timezone.now())
        context["page"], context["original"] = page, page.order
        context["may_operate"] = self.has_operate_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    # What may be done.

    @admin.action(description="Cancel selected orders", permissions=["operate"])
    def cancel_orders(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse | None:
        return self.operate(request, queryset, "Cancelled", cancel_order)

    @admin.action(
        description="Retry selected closed orders as new orders",
        permissions=["operate"],
    )
    def retry_orders(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse | None:
        def retry(order: Order) -> Order:
            return Order(id=retry_order(order).order_id)

        return self.operate(request, queryset, "Placed again as", retry)

    def operate(
        self,
        request: HttpRequest,
        orders: QuerySet[Order],
        done: str,
        act: Callable[[Order], Order],
        reason: str = "",
    ) -> HttpResponse | None:
        results: list[Order] = []
        for order in orders:
            try:
                result = act(order)
            except OrderError as error:
                self.message_user(request, f"{order.id}: {error}", messages.WARNING)
                continue
            results.append(result)
            why = f": {reason}" if reason else ""
            self.log_change(request, order, f"{done} {result.id}{why}")
        if results:
            links = format_html_join(
                ", ",
                '<a href="{}">{}</a>',
                ((self._page_url(result), str(result.id)[:8]) for result in results),
            )
            self.message_user(request, format_html("{}: {}", done, links))
        # The buttons on an order's page post to the list's actions and come back.
        shown = next(iter((*results, *orders)), None)
        if shown is None or "_from_page" not in request.POST:
            return None
        return HttpResponseRedirect(self._page_url(shown))

    def _page_url(self, order: Order) -> str:
        return reverse("admin:orders_order_change", args=(order.id,))
