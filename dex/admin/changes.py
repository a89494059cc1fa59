"""The record of what operators changed of the guards on money."""

from __future__ import annotations

from django.contrib import admin

from dex.models import GuardChange

from .read_only import ReadOnlyAdmin


@admin.register(GuardChange)
class GuardChangeAdmin(ReadOnlyAdmin):
    """Who changed which guard when, from what to what, and why."""

    list_display = (
        "changed_at",
        "rule",
        "subject",
        "old",
        "new",
        "changed_by",
        "reason",
    )
    list_filter = ("rule",)
    date_hierarchy = "changed_at"
    search_fields = ("=subject", "=changed_by")
    search_help_text = "A whole mint, pool address or user name"
