"""One UPDATE for many rows that each get values of their own.

Django's bulk_update compiles a WHEN for every value, and any other UPDATE by the ORM takes
several times as long to put together as to send. Here all values of a column are one
parameter, a JSON document.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Field, Model

from .column_types import type_of


def update_each(model: type[Model], rows: Mapping[Any, Mapping[str, Any]]) -> int:
    """Give each row its own columns in one statement; return how many rows there were.

    `rows` by primary key; a column that a row does not name stays as it is there. Values are
    text, whole numbers, moments or None. Raises database errors.
    """
    by_column: dict[str, dict[Any, Any]] = defaultdict(dict)
    for key, columns in rows.items():
        for name, value in columns.items():
            by_column[name][key] = value
    assignments: list[str] = []
    parameters: list[Any] = []
    for name, by_key in by_column.items():
        field: Any = model._meta.get_field(name)
        value, given = _value(field, by_key, is_partial=len(by_key) < len(rows))
        assignments.append(f"{_quoted(field.column)} = {value}")
        parameters += given
    key = _quoted(model._meta.pk.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_quoted(model._meta.db_table)} SET {', '.join(assignments)} "
            f"WHERE {key} = ANY(%s)",
            [*parameters, [*rows]],
        )
        return int(cursor.rowcount)


def _value(
    field: Field[Any, Any], by_key: Mapping[Any, Any], *, is_partial: bool
) -> tuple[str, list[Any]]:
    """Write what a column is set to, and its parameters."""
    first, *others = by_key.values()
    if not is_partial and all(value is first or value == first for value in others):
        return "%s", [first]
    key, column = _quoted(field.model._meta.pk.column), _quoted(field.column)
    document = json.dumps({str(k): v for k, v in by_key.items()}, default=str)
    found = f"(%s::jsonb ->> {key}::text)::{type_of(field)}"
    if not is_partial:
        return found, [document]
    if None not in by_key.values():
        return f"COALESCE({found}, {column})", [document]
    is_named = f"%s::jsonb ? {key}::text"
    return f"CASE WHEN {is_named} THEN {found} ELSE {column} END", [document, document]


def _quoted(name: Any) -> str:
    return str(connection.ops.quote_name(name))
