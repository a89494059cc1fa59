"""The limits of orders that operators set while the site runs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from dex.admin.guarded import GuardedAdmin, GuardForm
from dex.models import Rule
from orders.models import OrderLimits, OwnerLimit

from .owners import UserNameField


class OrderLimitsForm(GuardForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        most_bps = settings.MAX_SLIPPAGE_BPS
        if "max_slippage_bps" in self.fields:  # not for who may only look
            self.fields[
                "max_slippage_bps"
            ].help_text = f"In basis points, {most_bps} at most (MAX_SLIPPAGE_BPS). Empty: {most_bps}."
            self.fields["max_open_orders"].help_text = (
                "Of each owner. Empty: "
                f"{settings.MAX_OPEN_ORDERS_PER_OWNER} (MAX_OPEN_ORDERS_PER_OWNER)."
            )

    def clean_max_slippage_bps(self) -> int | None:
        wanted: int | None = self.cleaned_data["max_slippage_bps"]
        most_bps: int = settings.MAX_SLIPPAGE_BPS
        if wanted is not None and wanted > most_bps:
            raise ValidationError(
                f"The setting MAX_SLIPPAGE_BPS allows {most_bps} at most.",
                code="above_setting",
            )
        return wanted


@admin.register(OrderLimits)
class OrderLimitsAdmin(GuardedAdmin):
    """One row, which its page makes when it is first opened by who may change it."""

    form = OrderLimitsForm
    guards: ClassVar = {
        "max_slippage_bps": Rule.MAX_SLIPPAGE,
        "max_open_orders": Rule.MAX_OPEN_ORDERS,
    }
    fields = ("max_slippage_bps", "max_open_orders", "reason")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_change_permission(request):
            return super().changelist_view(request, extra_context)
        OrderLimits.objects.get_or_create(id=1)
        return HttpResponseRedirect(
            reverse("admin:orders_orderlimits_change", args=(1,))
        )


class OwnerLimitForm(GuardForm):
    owner = UserNameField()  # an operator may not see all users


@admin.register(OwnerLimit)
class OwnerLimitAdmin(GuardedAdmin):
    """Owners with a limit of their own."""

    form = OwnerLimitForm
    guards: ClassVar = {"max_open_orders": Rule.MAX_OPEN_ORDERS}
    fields = ("owner", "max_open_orders", "reason")
    list_display = ("owner", "max_open_orders")
    list_select_related = ("owner",)
    search_fields = ("=owner__username",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return ("owner",) if obj else ()

    def subject(self, obj: OwnerLimit) -> str:
        return obj.owner.get_username()
