"""One UPDATE for many rows that each get values of their own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Expression,
    F,
    Field,
    Model,
    TextField,
    When,
)


def per_row(
    model: type[Model], rows: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    """Write the arguments of an `.update()` that gives each row its own columns.

    `rows` by primary key; a column that a row does not name stays as it is there. What all
    rows share is written as it is, and may be an expression; what differs must be text,
    whole numbers, moments or None. Django's own bulk_update compiles a WHEN for every
    value, which costs ten times as much.
    """
    by_column: dict[str, dict[Any, Any]] = defaultdict(dict)
    for key, columns in rows.items():
        for name, value in columns.items():
            by_column[name][key] = value
    return {
        name: _value(model, name, by_key, is_partial=len(by_key) < len(rows))
        for name, by_key in by_column.items()
    }


def _value(
    model: type[Model], name: str, by_key: Mapping[Any, Any], *, is_partial: bool
) -> Any:
    field: Any = model._meta.get_field(name)
    first, *others = by_key.values()
    if all(value is first or value == first for value in others):
        if not is_partial:
            return first
        if hasattr(first, "resolve_expression"):
            named = When(pk__in=by_key, then=first)
            return Case(named, default=F(name), output_field=field)
    return _Picked(field, by_key, is_partial)


class _Picked(Expression):
    """What a document holds for a row's primary key; else, if it is partial, the column.

    It writes its own SQL: the same put together from Django's functions takes most of the
    time of an update.
    """

    def __init__(self, field: Any, by_key: Mapping[Any, Any], is_partial: bool) -> None:
        super().__init__(output_field=field)
        self._field: Field[Any, Any] = field
        self._by_key = by_key
        self._is_partial = is_partial

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        table, key, column = (
            connection.ops.quote_name(name)
            for name in (
                self._field.model._meta.db_table,
                self._field.model._meta.pk.column,
                self._field.column,
            )
        )
        document = json.dumps(
            {str(key): value for key, value in self._by_key.items()}, default=str
        )
        found = f"%s::jsonb ->> {table}.{key}::text"
        # A cast to varchar(n) would cut off what is too long, instead of refusing it.
        if not isinstance(self._field, CharField | TextField):
            found = f"({found})::{self._field.cast_db_type(connection)}"
        if not self._is_partial:
            return f"({found})", [document]
        if None not in self._by_key.values():
            return f"COALESCE({found}, {table}.{column})", [document]
        is_named = f"%s::jsonb ? {table}.{key}::text"
        return (
            f"CASE WHEN {is_named} THEN {found} ELSE {table}.{column} END",
            [document, document],
        )
