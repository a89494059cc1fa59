"""The operator's allow-list of pools and tokens."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html

from dex.allowing import checked_symbol
from dex.models import Pool, Token
from dex.pool_facts import PoolRefused


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_symbol(self) -> str:
        try:
            return checked_symbol(self.cleaned_data["symbol"])
        except PoolRefused as error:
            raise ValidationError(str(error), code="symbol_malformed") from None


class AllowListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows come from `manage.py pools add`, which reads and checks them on the chain.

    What says which thing on the chain a row means stays as it was read. Stored amounts
    are base units of that thing: another mint or other decimals would change what past
    orders say.
    """

    change_list_template = "admin/dex/allow_list.html"
    list_editable = ("enabled",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Token)
class TokenAdmin(AllowListAdmin):
    form = TokenForm
    fields = ("mint", "symbol", "name", "decimals", "token_program", "enabled")
    readonly_fields = ("mint", "decimals", "token_program")
    list_display = ("symbol", "name", "short_mint", "decimals", "enabled")
    list_filter = ("enabled",)
    search_fields = ("symbol", "name", "=mint")

    @admin.display(description="Mint", ordering="mint")
    def short_mint(self, token: Token) -> str:
        return _short(token.mint)


@admin.register(Pool)
class PoolAdmin(AllowListAdmin):
    fields = ("address", "venue", "token_a", "token_b", "enabled", "note")
    readonly_fields = ("address", "venue", "token_a", "token_b")
    list_display = ("short_address", "venue", "pair", "enabled", "note")
    list_filter = ("venue", "enabled")
    list_select_related = ("token_a", "token_b")
    search_fields = ("=address", "token_a__symbol", "token_b__symbol")

    @admin.display(description="Address", ordering="address")
    def short_address(self, pool: Pool) -> str:
        return _short(pool.address)

    @admin.display(description="Pair")
    def pair(self, pool: Pool) -> str:
        return f"{pool.token_a} / {pool.token_b}"


def _short(address: str) -> str:
    """Both ends of an address, with the whole one to hover over."""
    ends = f"{address[:6]}…{address[-4:]}"
    return format_html('<code title="{}">{}</code>', address, ends)
