"""The shape of a problem, the same by REST and socket: RFC 9457 with a stable `code`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.serializers import Field, Serializer

from dex.models import Rule
from orders.inputs import CODES, MESSAGES, OrderRequestSerializer
from orders.problems import Problem
from orders.statuses import Status

from .json_schema import COUNT, TEXT, UUID, Schema, always, exact, listed, one_of, ref

# Of what stands outside the fields of an order.
_FURTHER_FIELD_CODES = {
    *("duplicate_field", "unknown_parameter", "repeated_parameter"),
    "invalid_parameter",
}
# Members that only some problems have, each with when.
MEMBERS: dict[str, Schema] = {
    "rule": one_of(
        Rule.values, description="The guard on money that denies the order."
    ),
    "limit": {
        "type": ["string", "integer"],
        "description": "What is allowed: an amount or a fraction as text, or a count.",
    },
    "value": {
        "type": ["string", "integer"],
        "description": "What the order has of it.",
    },
    "windowSeconds": COUNT
    | {"description": "With rate_limited: the limit is for this."},
    "retryAfterSeconds": COUNT | {"description": "Also the header Retry-After."},
    "orderId": UUID | {"description": "With outcome_unknown: the order to look for."},
    "orderStatus": one_of(
        Status.values, description="With cancel_conflict: where the order stands."
    ),
}


def field_codes() -> set[str]:
    """Return what `errors[].code` may say, as the fields themselves have it."""
    serializer: Serializer[Any] = OrderRequestSerializer()
    own = {code for field in serializer.fields.values() for code in _codes_of(field)}
    return own | set(MESSAGES) | _FURTHER_FIELD_CODES


def _codes_of(field: Field[Any, Any, Any, Any]) -> set[str]:
    told = set(field.error_messages)
    if not field.required:
        told.discard("required")
    if field.allow_null:
        told.discard("null")
    return {CODES.get(code, code) for code in told}


def field_error() -> Schema:
    """One wrong field of a request."""
    return exact(
        {
            "field": TEXT,
            "code": one_of(sorted(field_codes()), description="Stable."),
            "message": TEXT | {"description": "For people."},
        },
        {
            "rule": one_of(
                Rule.values, description="The guard that refuses the field."
            ),
            "limit": TEXT | {"description": "What that guard allows."},
            "value": TEXT | {"description": "What the field has."},
        },
    )


def problem(codes: Iterable[str]) -> Schema:
    """A problem with one of these codes."""
    return exact(
        {
            "type": always("about:blank"),
            "title": TEXT | {"description": "The status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": TEXT | {"description": "For people: what is wrong, what to do."},
            "instance": TEXT | {"description": "The path that was asked."},
            "code": one_of(sorted(set(codes)), description="Stable: go by this."),
        },
        {
            "requestId": TEXT | {"description": "Also the header X-Request-ID."},
            "errors": listed(ref("FieldError")),
            **MEMBERS,
        },
        description="RFC 9457 problem details.",
    )


def example(found: Problem, path: str, request_id: str = "") -> dict[str, Any]:
    """A problem as it is sent."""
    return found.body(instance=path, request_id=request_id)
