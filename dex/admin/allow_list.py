"""The operator's allow-list of pools and tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from dex.allowing import checked_symbol
from dex.amounts import U64_MAX, to_base_units, to_whole
from dex.models import Pool, Rule, Token
from dex.pool_facts import PoolRefused

from .addresses import short_address
from .guarded import GuardedAdmin, GuardForm


class TokenForm(GuardForm):
    max_order = forms.DecimalField(
        required=False,
        max_digits=40,
        label="Largest order",
        help_text="The most that one order may sell, in whole tokens. Empty: MAX_ORDER.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.max_order is not None:
            self.initial["max_order"] = Decimal(
                to_whole(int(self.instance.max_order), self.instance.decimals)
            )

    def clean_max_order(self) -> int | None:
        """Return base units."""
        whole = self.cleaned_data["max_order"]
        if whole is None:
            return None
        decimals = self.instance.decimals
        try:
            base_units = to_base_units(whole, decimals)
        except ValueError:
            said = f"The token has {decimals} decimals at most."
            raise ValidationError(said, code="too_many_decimals") from None
        if not 0 < base_units <= U64_MAX:
            said = "Enter an amount above 0 that a token account can hold."
            raise ValidationError(said, code="out_of_range")
        return base_units

    def clean_symbol(self) -> str:
        try:
            return checked_symbol(self.cleaned_data["symbol"])
        except PoolRefused as error:
            raise ValidationError(str(error), code="symbol_malformed") from None


class AllowListAdmin(GuardedAdmin):
    """Rows come from `manage.py pools add`, which reads and checks them on the chain.

    What says which thing on the chain a row means stays as it was read. Stored amounts
    are base units of that thing: another mint or other decimals would change what past
    orders say.
    """

    change_list_template = "admin/dex/allow_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Token)
class TokenAdmin(AllowListAdmin):
    form = TokenForm
    guards: ClassVar = {"enabled": Rule.ALLOWED_TOKENS, "max_order": Rule.MAX_ORDER}
    fields = (
        *("mint", "symbol", "name", "decimals", "token_program"),
        *("enabled", "max_order", "reason"),
    )
    readonly_fields = ("mint", "decimals", "token_program")
    list_display = (
        *("symbol", "name", "short_mint", "decimals", "enabled", "largest_order"),
    )
    list_filter = ("enabled",)
    search_fields = ("symbol", "name", "=mint")

    def subject(self, obj: Token) -> str:
        return obj.mint

    def said(self, obj: Token, rule: Rule, value: Any) -> object:
        if rule == Rule.MAX_ORDER and value is not None:
            return to_whole(int(value), obj.decimals)
        return super().said(obj, rule, value)

    @admin.display(description="Largest order", empty_value="–")
    def largest_order(self, token: Token) -> str | None:
        if token.max_order is None:
            return None
        return to_whole(int(token.max_order), token.decimals)

    @admin.display(description="Mint", ordering="mint")
    def short_mint(self, token: Token) -> str:
        return short_address(token.mint)


@admin.register(Pool)
class PoolAdmin(AllowListAdmin):
    form = GuardForm
    guards: ClassVar = {"enabled": Rule.ALLOWED_POOLS}
    fields = ("address", "venue", "token_a", "token_b", "enabled", "note", "reason")
    readonly_fields = ("address", "venue", "token_a", "token_b")
    list_display = ("short_address", "venue", "pair", "enabled", "note")
    list_filter = ("venue", "enabled")
    list_select_related = ("token_a", "token_b")
    search_fields = ("=address", "token_a__symbol", "token_b__symbol")

    def subject(self, obj: Pool) -> str:
        return obj.address

    @admin.display(description="Address", ordering="address")
    def short_address(self, pool: Pool) -> str:
        return short_address(pool.address)

    @admin.display(description="Pair")
    def pair(self, pool: Pool) -> str:
        return f"{pool.token_a} / {pool.token_b}"
