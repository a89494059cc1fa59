"""One UPDATE for many rows that each get values of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import (
    CharField,
    F,
    Field,
    Func,
    Model,
    TextField,
    Value,
)
from django.db.models.functions import Cast


def per_row(
    model: type[Model], rows: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    """Write the arguments of an `.update()` that gives each row its own columns.

    `rows` by primary key, all with the same columns. What all rows share is written as it
    is, and may be an expression; what differs must be text, whole numbers or None.
    Django's own bulk_update compiles a WHEN for every value, which costs ten times as
    much.
    """
    names = next(iter(rows.values()))
    return {
        name: _value(model, name, {key: row[name] for key, row in rows.items()})
        for name in names
    }


def _value(model: type[Model], name: str, by_key: Mapping[Any, Any]) -> Any:
    first, *others = by_key.values()
    if all(value is first or value == first for value in others):
        return first
    document = json.dumps({str(key): value for key, value in by_key.items()})
    found = Func(
        Value(document, output_field=TextField()),
        Cast(F("pk"), TextField()),
        template="(%(expressions)s)",
        arg_joiner="::jsonb ->> ",
        output_field=TextField(),
    )
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    # A cast to varchar(n) would cut off what is too long, instead of refusing it.
    return found if isinstance(field, CharField | TextField) else Cast(found, field)
