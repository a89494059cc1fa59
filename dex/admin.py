"""The operator's allow-list, and the chain this database belongs to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from solders.pubkey import Pubkey

from .models import Chain, Pool, Token
from .solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM


class AddressField(forms.CharField):
    """A Solana address: 32 bytes in base58."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            return str(Pubkey.from_string(text))
        except ValueError:
            raise ValidationError(
                "This is no Solana address: it must be 32 bytes in base58.",
                code="address_malformed",
            ) from None


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    mint = AddressField(max_length=44)
    token_program = forms.ChoiceField(
        choices=(
            (str(TOKEN_PROGRAM), "Token"),
            (str(TOKEN_2022_PROGRAM), "Token-2022"),
        ),
        help_text="The program that owns the mint.",
    )


class PoolForm(forms.ModelForm):  # type: ignore[type-arg]
    address = AddressField(max_length=44)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        token_a = self.cleaned_data.get("token_a")
        if token_a is not None and token_a == self.cleaned_data.get("token_b"):
            self.add_error("token_b", "The two tokens of a pool must differ.")
        return cleaned


class SetOnceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What says which thing on the chain a row means is set when the row is added.

    Stored amounts are base units of that thing: another mint or other decimals would
    change what past orders say.
    """

    set_once: tuple[str, ...] = ()

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return self.set_once if obj is not None else ()


@admin.register(Token)
class TokenAdmin(SetOnceAdmin):
    form = TokenForm
    fields = ("mint", "symbol", "name", "decimals", "token_program", "enabled")
    set_once = ("mint", "decimals", "token_program")
    list_display = ("symbol", "name", "mint", "decimals", "enabled")
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    search_fields = ("symbol", "name", "=mint")


@admin.register(Pool)
class PoolAdmin(SetOnceAdmin):
    form = PoolForm
    fields = ("address", "venue", "token_a", "token_b", "enabled", "note")
    set_once = ("address", "venue", "token_a", "token_b")
    list_display = ("address", "venue", "token_a", "token_b", "enabled", "note")
    list_editable = ("enabled",)
    list_filter = ("venue", "enabled")
    list_select_related = ("token_a", "token_b")
    search_fields = ("=address", "token_a__symbol", "token_b__symbol")


@admin.register(Chain)
class ChainAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Written when the database first meets its chain, and never by hand."""

    list_display = ("__str__", "genesis_hash", "wallet", "met_at", "halted_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Chain | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Chain | None = None
    ) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chain]:
        chains: QuerySet[Chain] = super().get_queryset(request)
        return chains.order_by("id")
