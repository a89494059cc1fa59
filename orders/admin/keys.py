"""API keys in the admin: made, looked at and revoked; never read, changed or deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from dex.admin.read_only import ReadOnlyAdmin
from orders.access.key_states import state_of
from orders.access.keys import LIVE, IssuedBefore, effective_scopes, issue, revoke
from orders.access.models import ApiKey
from orders.access.principal import Scope
from orders.clock import database_now

from .owners import UserNameField


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Valid"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ApiKey]
    ) -> QuerySet[ApiKey]:
        revoked = Q(revoked_at__isnull=False)
        chosen = {"live": LIVE, "expired": ~LIVE & ~revoked, "revoked": revoked}
        return queryset.filter(chosen.get(self.value() or "", Q()))


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    owner = UserNameField()
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=Scope.values,
        widget=forms.CheckboxSelectMultiple,
        help_text="It allows no more than the groups of its owner do.",
    )
    # New for each form: one that is sent again makes no second key.
    form_id = forms.UUIDField(
        initial=uuid4, widget=forms.HiddenInput({"autocomplete": "off"})
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
        *("prefix", "owner", "name", "may", "state", "created_at", "last_used_at"),
    )
    list_filter = (StateFilter,)
    list_select_related = ("owner",)
    search_fields = ("=prefix", "name", "owner__username")
    search_help_text = "The 8 characters after dex_, a name, or an owner"
    actions = ("revoke_keys",)
    readonly_fields = (
        *("prefix", "asked", "may", "created_at", "last_used_at", "revoked_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys.prefetch_related("owner__groups").annotate(now=Now())

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        now: datetime = key.now  # type: ignore[attr-defined] # annotated
        return state_of(key, now)

    @admin.display(description="Scopes")
    def asked(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="May")
    def may(self, key: ApiKey) -> str:
        """The groups of its owner may allow less than the key's own scopes."""
        return ", ".join(sorted(effective_scopes(key))) or "nothing"

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("owner", "name", "scopes", "expires_at", "form_id")
        return ("owner", "name", "expires_at", *self.readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key acts for its owner: whoever makes one may be anybody."""
        return bool(getattr(request.user, "is_superuser", False))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Revoking needs the right that would otherwise allow an edit."""
        return bool(request.user.has_perm("orders.change_apikey"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        # The page after the form shows the key, whatever comes next.
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **options)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **options: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except IssuedBefore as made:
            said = (
                f"Nothing was made: this form made the key {made.prefix} before, and showed "
                "it then. If nobody has it, revoke it here, and make another."
            )
            self.message_user(request, said, messages.ERROR)
            keys = reverse("admin:orders_apikey_changelist")
            return HttpResponseRedirect(f"{keys}?q={made.prefix}")

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: Any, change: bool
    ) -> None:
        text = issue(obj, form.cleaned_data["form_id"])
        # On the request: whatever lives longer, or is logged, must not hold it.
        request.new_key = text  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key on this very page: a message would lie in a cookie first."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new key",
            "opts": self.opts,
            "key": obj,
            "may": self.may(obj),
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
