"""What a client may ask, checked field by field before anything is stored or sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from dex.amounts import U64_MAX, to_base_units
from dex.models import Token

from .access.guards import rule_of_field
from .fields import (
    AmountField,
    ClientOrderIdField,
    OrderTypeField,
    PriceImpactField,
    SlippageField,
    TokenField,
)
from .parsers import Number
from .problems import FieldError, Problem, invalid
from .submissions import OrderRequest, Submission

MAX_ERRORS = 20  # in one answer
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """A validated question for quotes. `amount_in` in base units of `token_in`."""

    token_in: Token
    token_out: Token
    amount_in: int
    max_price_impact_bps: int | None


class QuoteRequestSerializer(serializers.Serializer[Any]):
    tokenIn = TokenField()
    tokenOut = TokenField()
    amountIn = AmountField()
    maxPriceImpact = PriceImpactField(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {name[:64]: [_error("unknown_field")] for name in unknown}
            )
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["tokenIn"] == attrs["tokenOut"]:
            raise serializers.ValidationError({"tokenOut": [_error("same_token")]})
        attrs["amountIn"] = _base_units(attrs["amountIn"], attrs["tokenIn"])
        return attrs


class OrderRequestSerializer(QuoteRequestSerializer):
    type = OrderTypeField()
    slippage = SlippageField()
    clientOrderId = ClientOrderIdField(required=False, allow_null=True)


def read_submission(
    members: Mapping[str, Any], *, owner_id: int, idempotency_key: object
) -> Submission:
    """Check an order that came by REST or socket; raises Problem."""
    key = None if idempotency_key is None else _checked_key(idempotency_key)
    return Submission(read_order(members), owner_id, key)


def _checked_key(key: object) -> str:
    is_text = isinstance(key, str) and not isinstance(key, Number)
    if not is_text or not _IDEMPOTENCY_KEY.fullmatch(str(key)):
        raise Problem(
            400,
            "invalid_idempotency_key",
            "An idempotency key has 1 to 255 visible ASCII characters.",
        )
    return str(key)


def read_order(members: Mapping[str, Any]) -> OrderRequest:
    """Check the members of an order; raises Problem with an error for each wrong field."""
    valid = _validated(_order_request, members)
    return OrderRequest(
        order_type=valid["type"],
        token_in=valid["tokenIn"],
        token_out=valid["tokenOut"],
        amount_in=valid["amountIn"],
        slippage_bps=valid["slippage"],
        max_price_impact_bps=valid.get("maxPriceImpact"),
        client_order_id=valid.get("clientOrderId"),
    )


def read_quote_request(members: Mapping[str, Any]) -> QuoteRequest:
    """Check the members of a question for quotes; raises Problem."""
    valid = _validated(_quote_request, members)
    return QuoteRequest(
        valid["tokenIn"],
        valid["tokenOut"],
        valid["amountIn"],
        valid.get("maxPriceImpact"),
    )


# Kept: DRF copies all the fields for each new one, and validating leaves nothing in them.
_order_request = OrderRequestSerializer()
_quote_request = QuoteRequestSerializer()


def _validated(
    serializer: serializers.Serializer[Any], members: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        return dict(serializer.run_validation(members))
    except serializers.ValidationError as refusal:
        found: Any = refusal.detail
    errors = [
        FieldError(
            name,
            CODES.get(detail.code, detail.code),
            str(detail),
            rule_of_field(detail.code, members.get(name)),
        )
        for name, details in found.items()
        for detail in details
    ]
    raise invalid(errors[:MAX_ERRORS])


# DRF's own codes, in our words.
CODES = {"required": "missing_field", "null": "invalid_type"}

MESSAGES = {
    "unknown_field": "There is no such field.",
    "same_token": "Name another token than tokenIn.",
    "amount_too_large": "The amount is beyond 2^64 - 1 base units of the token.",
    "too_many_decimals": "The token has {decimals} decimals at most.",
}


def _error(code: str, **values: object) -> ErrorDetail:
    return ErrorDetail(MESSAGES[code].format(**values), code)


def _base_units(amount: Decimal, token: Token) -> int:
    try:
        base_units = to_base_units(amount, token.decimals)
    except ValueError:
        error = _error("too_many_decimals", decimals=token.decimals)
        raise serializers.ValidationError({"amountIn": [error]}) from None
    if base_units > U64_MAX:
        raise serializers.ValidationError({"amountIn": [_error("amount_too_large")]})
    return base_units
