"""API keys in the admin: made, looked at and revoked; never read, changed or deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from dex.admin.read_only import ReadOnlyAdmin
from orders.access.keys import issue, revoke
from orders.access.models import ApiKey
from orders.access.principal import Scope
from orders.clock import database_now


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=Scope.values,
        widget=forms.CheckboxSelectMultiple,
        help_text="It allows no more than the groups of its owner do.",
    )

    class Meta:
        model = ApiKey
        fields = ("owner", "name", "scopes", "expires_at")

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment is not None and moment <= database_now():
            raise forms.ValidationError("Choose a moment that is still to come.")
        return moment


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """The text of a new key is on the page that answers its form, and nowhere else."""

    form = ApiKeyForm
    list_display = (
        *("prefix", "owner", "name", "allows", "created_at"),
        *("expires_at", "last_used_at", "revoked_at"),
    )
    list_filter = ("revoked_at", "owner")
    list_select_related = ("owner",)
    search_fields = ("=prefix", "name", "owner__username")
    actions = ("revoke_keys",)
    readonly_fields = (
        *("prefix", "allows", "created_at", "last_used_at", "revoked_at"),
    )

    @admin.display(description="Scopes")
    def allows(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("owner", "name", "scopes", "expires_at")
        return ("owner", "name", "expires_at", *self.readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key acts for its owner: whoever makes one may be anybody."""
        return bool(getattr(request.user, "is_superuser", False))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Revoking needs the right that would otherwise allow an edit."""
        return bool(request.user.has_perm("orders.change_apikey"))

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: Any, change: bool
    ) -> None:
        # On the request: whatever lives longer, or is logged, must not hold it.
        request.new_key = issue(obj)  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key on this very page: a message would lie in a cookie first."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new key",
            "opts": self.opts,
            "key": obj,
            "text": request.new_key,  # type: ignore[attr-defined]
        }
        # Like every page of the admin it is kept in no cache.
        return TemplateResponse(request, "admin/orders/apikey/made.html", context)

    @admin.action(description="Revoke selected keys", permissions=["revoke"])
    def revoke_keys(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = list(queryset.filter(revoked_at__isnull=True))
        revoke(id__in=[key.pk for key in revoked])
        for key in revoked:
            self.log_change(request, key, "Revoked")
        self.message_user(request, f"Revoked {len(revoked)} keys.", messages.SUCCESS)
