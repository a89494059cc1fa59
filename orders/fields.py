"""The fields of a request: text or number in, exact values out, a stable code for each no."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dex.amounts import to_base_units
from dex.models import Token

from .access.guards import current_guards
from .models import OrderType
from .parsers import Number
from .recent import Recent

# The grammar of a JSON number without exponent, for numbers that come as text too.
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# Longer texts are refused before any arithmetic: a u64 has 20 digits, a token 18 decimals.
MAX_DECIMAL_LENGTH = 64
MAX_TOKEN_LENGTH = 44  # a mint in base58
# Fit for an address. Clients take `.` and `..` in one for steps of the path.
CLIENT_ORDER_ID = r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,64}"
_CLIENT_ORDER_ID = re.compile(CLIENT_ORDER_ID)

_AMOUNT_SCHEMA = [
    {
        "type": "string",
        "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]*)(\.[0-9]+)?$",
        "maxLength": MAX_DECIMAL_LENGTH,
    },
    {"type": "number", "exclusiveMinimum": 0},
]
_FRACTION_SCHEMA = [
    {"type": "string", "pattern": r"^(0(\.[0-9]{1,4}0*)?|1(\.0+)?)$", "maxLength": 64},
    {"type": "number", "minimum": 0, "maximum": 1},
]


_tokens: Recent[str, list[Token]] = Recent()


def _find_tokens(text: str) -> list[Token]:
    """Return the enabled token with this mint, else all with this symbol."""
    named = Token.objects.filter(Q(mint=text) | Q(symbol=text), enabled=True)
    found = list(named.order_by())
    # A symbol that looks like another token's mint must not take its place.
    return [token for token in found if token.mint == text] or found


class _TextField(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar = {
        "required": "This field is missing.",
        "null": "This field may not be null.",
        "invalid_type": "Send a string.",
    }

    def text(self, data: object) -> str:
        if not isinstance(data, str) or isinstance(data, Number):
            self.fail("invalid_type")
        return data


class _DecimalField(_TextField):
    default_error_messages: ClassVar = {
        "invalid_type": "Send a number or a string.",
        "invalid_number": "Write a plain decimal number, such as 1.5, of 64 characters "
        "at most.",
    }

    def decimal(self, data: object) -> Decimal:
        if not isinstance(data, str):
            self.fail("invalid_type")
        if len(data) > MAX_DECIMAL_LENGTH or not _DECIMAL.fullmatch(data):
            self.fail("invalid_number")
        return Decimal(data)


@extend_schema_field({"type": "string", "enum": OrderType.values, "example": "market"})
class OrderTypeField(_TextField):
    default_error_messages: ClassVar = {"unsupported_type": "Supported: {supported}."}

    def to_internal_value(self, data: object) -> OrderType:
        text = self.text(data)
        if text not in OrderType.values:
            self.fail("unsupported_type", supported=", ".join(OrderType.values))
        return OrderType(text)


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TOKEN_LENGTH,
        "description": "A symbol, or a mint in base58, of /api/tokens.",
    }
)
class TokenField(_TextField):
    default_error_messages: ClassVar = {
        "unknown_token": "No such token can be traded; see /api/tokens.",
        "ambiguous_token": "Several tokens have this symbol; name the mint instead.",
    }

    def to_internal_value(self, data: object) -> Token:
        text = self.text(data)
        # What no token can be called must not reach the database: it cannot even
        # compare every text (NUL).
        if not 0 < len(text) <= MAX_TOKEN_LENGTH or not text.isprintable():
            self.fail("unknown_token")
        found = _tokens.get(text, lambda: _find_tokens(text))
        if not found:
            self.fail("unknown_token")
        if len(found) > 1:
            self.fail("ambiguous_token")
        return found[0]


@extend_schema_field(
    {
        "oneOf": _AMOUNT_SCHEMA,
        "description": "Whole tokens, above 0, with no more decimals than the token has.",
        "example": "1.5",
    }
)
class AmountField(_DecimalField):
    default_error_messages: ClassVar = {
        "amount_not_positive": "The amount must be above 0."
    }

    def to_internal_value(self, data: object) -> Decimal:
        amount = self.decimal(data)
        if amount <= 0:
            self.fail("amount_not_positive")
        return amount


class _FractionField(_DecimalField):
    """A fraction in, basis points out. A kind of it names its two further codes."""

    too_fine: ClassVar[str]
    out_of_range: ClassVar[str]

    def basis_points(self, data: object, *, most_bps: int) -> int:
        fraction = self.decimal(data)
        most = Decimal(most_bps).scaleb(-4)
        if not 0 <= fraction <= most:
            self.fail(self.out_of_range, most=f"{most.normalize():f}")
        try:
            return to_base_units(fraction, 4)
        except ValueError:
            self.fail(self.too_fine)


@extend_schema_field(
    {
        "oneOf": _FRACTION_SCHEMA,
        "description": "The tolerated loss against the quote as a fraction, in steps of "
        "0.0001 (a basis point): 0.01 is 1 %.",
        "example": 0.01,
    }
)
class SlippageField(_FractionField):
    too_fine, out_of_range = "slippage_too_fine", "slippage_out_of_range"
    default_error_messages: ClassVar = {
        too_fine: "Use steps of 0.0001, a basis point.",
        out_of_range: "Use a fraction from 0 to {most}.",
    }

    def to_internal_value(self, data: object) -> int:
        return self.basis_points(data, most_bps=current_guards().max_slippage_bps)


@extend_schema_field(
    {
        "oneOf": _FRACTION_SCHEMA,
        "description": "The largest price impact to accept as a fraction, in steps of "
        "0.0001: how far the order's own size may move the price. The installation has a "
        "limit of its own; the stricter one holds.",
        "example": 0.02,
    }
)
class PriceImpactField(_FractionField):
    too_fine, out_of_range = "price_impact_too_fine", "price_impact_out_of_range"
    default_error_messages: ClassVar = {
        too_fine: "Use steps of 0.0001, a basis point.",
        out_of_range: "Use a fraction from 0 to {most}.",
    }

    def to_internal_value(self, data: object) -> int:
        return self.basis_points(data, most_bps=10_000)


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{CLIENT_ORDER_ID}$",
        "description": "Your own name of the order, which no other order of yours may "
        "have: 1 to 64 letters, digits and . _ : -",
        "example": "rebalance-2026-11-29.1",
    }
)
class ClientOrderIdField(_TextField):
    default_error_messages: ClassVar = {
        "invalid_client_order_id": "Use 1 to 64 of A-Z a-z 0-9 . _ : - and neither . nor "
        "..",
    }

    def to_internal_value(self, data: object) -> str:
        text = self.text(data)
        if not is_client_order_id(text):
            self.fail("invalid_client_order_id")
        return text


def is_client_order_id(text: str) -> bool:
    """Say whether an order can be called so."""
    return _CLIENT_ORDER_ID.fullmatch(text) is not None
