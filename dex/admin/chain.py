"""The chain this database belongs to, and the halts of trading on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from dex.errors import HaltRefused, LiftRefused
from dex.halting import BRIEF, halt_by_operator, lift_halt, standing_halt
from dex.models import Chain, TradingHalt

from .addresses import short_address
from .read_only import ReadOnlyAdmin

SHOWN = 200


@admin.register(Chain)
class ChainAdmin(ReadOnlyAdmin):
    """Written when the database first meets its chain."""

    list_display = ("__str__", "genesis", "short_wallet", "met_at", "halted_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chain]:
        chains: QuerySet[Chain] = super().get_queryset(request)
        return chains.order_by("id")

    @admin.display(description="Genesis hash")
    def genesis(self, chain: Chain) -> str:
        return short_address(chain.genesis_hash)

    @admin.display(description="Wallet")
    def short_wallet(self, chain: Chain) -> str:
        return short_address(chain.wallet)


class StandingFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("standing", "Standing"), ("lifted", "Lifted")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TradingHalt]
    ) -> QuerySet[TradingHalt]:
        if self.value() is None:
            return queryset
        return queryset.filter(lifted_at__isnull=self.value() == "standing")


@admin.register(TradingHalt)
class TradingHaltAdmin(ReadOnlyAdmin):
    """Each halt, what it rests on, and who let trading go on. It is begun and lifted here."""

    change_list_template = "admin/dex/tradinghalt/change_list.html"
    list_display = (
        *("began_at", "begun_by", "short_reason", "found_count"),
        *("lifted_at", "lifted_by"),
    )
    list_filter = (StandingFilter,)
    date_hierarchy = "began_at"
    fields = (
        *("began_at", "begun_by", "reason", "found"),
        *("lifted_at", "lifted_by", "lifted_reason"),
    )
    readonly_fields = fields

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return super().has_view_permission(request, obj) or self.has_lift_permission(
            request
        )

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Halting and lifting need the right that would otherwise allow an edit."""
        return bool(request.user.has_perm("dex.change_tradinghalt"))

    @admin.display(description="Reason")
    def short_reason(self, halt: TradingHalt) -> str:
        return Truncator(halt.reason).chars(120)

    @admin.display(description="Violations")
    def found_count(self, halt: TradingHalt) -> int:
        return len(halt.violations)

    @admin.display(description="Violations")
    def found(self, halt: TradingHalt) -> str:
        if not halt.violations:
            return "–"
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (rule, _linked(subject), detail)
                for rule, subject, detail in halt.violations[:SHOWN]
            ),
        )
        more = len(halt.violations) - SHOWN
        return format_html(
            '<table class="halt-found"><thead><tr><th scope="col">Rule</th>'
            '<th scope="col">Order, signature or mint</th><th scope="col">Detail</th>'
            "</tr></thead><tbody>{}</tbody></table>{}",
            rows,
            f"… and {more} more" if more > 0 else "",
        )

    # Halting and lifting.

    def get_urls(self) -> list[URLPattern]:
        halt = path(
            "halt/",
            self.admin_site.admin_view(require_POST(self.halt)),
            name="dex_tradinghalt_halt",
        )
        lift = path(
            "<int:halt_id>/lift/",
            self.admin_site.admin_view(require_POST(self.lift)),
            name="dex_tradinghalt_lift",
        )
        urls: list[URLPattern] = super().get_urls()
        return [halt, lift, *urls]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_halt = (
            self.has_lift_permission(request) and standing_halt(defer=BRIEF) is None
        )
        context = {"may_halt": may_halt, **(extra_context or {})}
        return super().changelist_view(request, context)

    def halt(self, request: HttpRequest) -> HttpResponse:
        """Halt trading, and show the halt."""
        if not self.has_lift_permission(request):
            raise PermissionDenied("You may not halt trading.")
        try:
            halt = halt_by_operator(
                by=request.user.get_username(), reason=request.POST.get("reason", "")
            )
        except HaltRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:dex_tradinghalt_changelist"))
        self.log_change(request, halt, f"Halted: {halt.reason}")
        self.message_user(request, "Trading is halted.", messages.SUCCESS)
        return HttpResponseRedirect(
            reverse("admin:dex_tradinghalt_change", args=(halt.id,))
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        halt: TradingHalt = context["original"]
        context["may_lift"] = self.has_lift_permission(
            request
        ) and halt == standing_halt(defer=BRIEF)
        return super().render_change_form(request, context, *args, **kwargs)

    def lift(self, request: HttpRequest, halt_id: int) -> HttpResponse:
        """Lift the halt that stands, if it is this one, and come back to its page."""
        if not self.has_lift_permission(request):
            raise PermissionDenied("You may not let trading go on.")
        standing = standing_halt(defer=BRIEF)
        seen = request.POST.get("seen", "")
        try:
            if standing is None or standing.id != halt_id or not seen.isdecimal():
                raise LiftRefused("This halt does not stand any more.")
            halt = lift_halt(
                by=request.user.get_username(),
                reason=request.POST.get("reason", ""),
                seen=int(seen),
            )
        except LiftRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.log_change(request, halt, f"Lifted: {halt.lifted_reason}")
            self.message_user(request, "Trading goes on.", messages.SUCCESS)
        return HttpResponseRedirect(
            reverse("admin:dex_tradinghalt_change", args=(halt_id,))
        )


def _linked(subject: str) -> str:
    """Link an order's id to its page. By name: this package knows no orders."""
    try:
        page = reverse("admin:orders_order_change", args=(UUID(subject),))
    except (ValueError, NoReverseMatch):
        return format_html("<code>{}</code>", subject)
    return format_html('<a href="{}"><code>{}</code></a>', page, subject)
