"""Pages on which operators change guards on money: no change without a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from dex.guard_changes import ALLOWED, NOT_ALLOWED, record_change
from dex.models import Rule

NO_REASON = "Say why: the reason is recorded."
DELETE_SELECTED = "Delete selected %(verbose_name_plural)s"


class GuardForm(forms.ModelForm):  # type: ignore[type-arg]
    """Asks why; `guards` names the fields that are guards."""

    guards: ClassVar[Mapping[str, Rule]] = {}

    reason = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why a limit or permission is changed: recorded with your name.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        changes = set(self.changed_data) & set(self.guards)
        if changes and not cleaned.get("reason", "").strip():
            self.add_error("reason", ValidationError(NO_REASON, code="required"))
        return cleaned


class GuardedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Records what changed of `guards`, fields of the model, in the same transaction.

    Deleting a row is a change as well.
    """

    guards: ClassVar[Mapping[str, Rule]] = {}
    actions = ("delete_selected",)
    delete_confirmation_template = "admin/dex/delete_guarded.html"
    delete_selected_confirmation_template = "admin/dex/delete_guarded_selected.html"

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,
        **options: Any,
    ) -> Any:
        form = super().get_form(request, obj, change, **options)
        return type(form.__name__, (form,), {"guards": self.guards})

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        # Locked, so that what is recorded as the old value is what was changed.
        rows = type(obj)._default_manager.select_for_update()
        before = rows.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        after = type(obj)._default_manager.get(pk=obj.pk)
        for name, rule in self.guards.items():
            old, new = (
                None if it is None else getattr(it, name) for it in (before, after)
            )
            if old != new:
                self._record(request, obj, rule, old, new, _reason_of(request))

    # Deleting asks why, too: of one row on its page, of several in the list.

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = self.has_delete_permission(request)
        if may and request.method == "POST" and not _reason_of(request):
            self.message_user(request, NO_REASON, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().delete_view(request, object_id, extra_context)

    @admin.action(description=DELETE_SELECTED, permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        if "post" in request.POST and not _reason_of(request):
            self.message_user(request, NO_REASON, messages.ERROR)
            return None
        with transaction.atomic():
            return delete_selected(self, request, queryset)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, type(obj)._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # Locked, so that what is recorded as the old value is what was deleted.
        for obj in queryset.select_for_update(of=("self",)):
            for name, rule in self.guards.items():
                old = getattr(obj, name)
                if old is not None:
                    self._record(request, obj, rule, old, None, _reason_of(request))
        super().delete_queryset(request, queryset)

    def _record(
        self,
        request: HttpRequest,
        obj: Model,
        rule: Rule,
        old: object,
        new: object,
        reason: str,
    ) -> None:
        record_change(
            rule,
            self.said(obj, rule, old),
            self.said(obj, rule, new),
            by=request.user.get_username(),
            reason=reason,
            subject=self.subject(obj),
        )

    def subject(self, obj: Any) -> str:
        """Return what the guards of a row hold for."""
        return ""

    def said(self, obj: Any, rule: Rule, value: Any) -> object:
        """Return a value as it is recorded."""
        if isinstance(value, bool):
            return ALLOWED if value else NOT_ALLOWED
        return value


def _reason_of(request: HttpRequest) -> str:
    return str(request.POST.get("reason", "")).replace("\x00", "").strip()
