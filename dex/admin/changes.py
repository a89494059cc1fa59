"""The record of what operators changed of the guards on money."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html

from dex.models import GuardChange, Rule, Token

from .addresses import short_address
from .read_only import ReadOnlyAdmin

LONGEST_NAME = 30  # a subject longer than this is an address, or shown like one


@admin.register(GuardChange)
class GuardChangeAdmin(ReadOnlyAdmin):
    """Who changed which guard when, from what to what, and why."""

    list_display = ("changed_at", "rule", "of", "change", "changed_by", "reason")
    list_filter = ("rule",)
    date_hierarchy = "changed_at"
    search_fields = ("=subject", "=changed_by")
    search_help_text = "A whole mint, pool address or user name"

    def get_queryset(self, request: HttpRequest) -> QuerySet[GuardChange]:
        changes: QuerySet[GuardChange] = super().get_queryset(request)
        token = Token.objects.filter(mint=OuterRef("subject")).order_by()
        return changes.annotate(symbol=Subquery(token.values("symbol")))

    @admin.display(description="Of", ordering="subject", empty_value="–")
    def of(self, change: GuardChange) -> str | None:
        if len(change.subject) <= LONGEST_NAME:
            return change.subject or None
        address = short_address(change.subject)
        symbol = getattr(change, "symbol", None)
        return format_html("{} {}", symbol, address) if symbol else address

    @admin.display(description="Change")
    def change(self, change: GuardChange) -> str:
        unit = " bps" if change.rule == Rule.MAX_SLIPPAGE else ""
        return f"{change.old} → {change.new}{unit}"
