"""Small pieces of JSON Schema. All of it means the same in 2020-12 and in draft 7."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    "description": "UTC, to the millisecond.",
}
COUNT: Schema = {"type": "integer", "minimum": 0}
SIGNED: Schema = {"type": "integer"}
AMOUNT: Schema = {
    "type": "string",
    "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$",
    "description": "Whole tokens in plain decimal text.",
}
LAMPORTS: Schema = {"type": "string", "pattern": r"^[0-9]+$"}
CODE: Schema = {
    "type": "string",
    "pattern": r"^[a-z][a-z0-9_]*$",
    "description": "Stable.",
}
BASE58: Schema = {"type": "string", "pattern": r"^[1-9A-HJ-NP-Za-km-z]{32,88}$"}


def exact(
    required: Mapping[str, Schema],
    optional: Mapping[str, Schema] | None = None,
    **more: Any,
) -> Schema:
    """An object of these members and no others."""
    schema: Schema = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
        **more,
    }
    if required:
        schema["required"] = list(required)
    return schema


def ref(name: str) -> Schema:
    """What stands under this name in the components of either document."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(values: Iterable[str], **more: Any) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": [str(value) for value in values], **more}


def always(value: object) -> Schema:
    return {"const": value}


def or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def listed(schema: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": schema, **more}
