"""New rows of one model by one INSERT, whose text is put together once per process.

The ORM puts a bulk_create together anew each time, with a parameter for every value. Here
the rows are one parameter, a JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import AutoField, Model

from .column_types import type_of


def insert_all(rows: Sequence[Model]) -> None:
    """Insert what is not stored yet, all of one model, and give each its id.

    Every value must be given: none is left to the database, and none may be an expression.
    To be called in a transaction; raises database errors.
    """
    if not rows:
        return
    model = type(rows[0])
    fields = _fields(model)
    documents = [{f.column: getattr(row, f.attname) for f in fields} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_statement(model), [json.dumps(documents, default=_as_text)])
        ids = cursor.fetchall()
    # They are numbered and returned in the order of the document.
    for row, (number,) in zip(rows, ids, strict=True):
        row.pk = number
        row._state.adding, row._state.db = False, connection.alias


@cache
def _fields(model: type[Model]) -> list[Any]:
    return [f for f in model._meta.concrete_fields if not isinstance(f, AutoField)]


@cache
def _statement(model: type[Model]) -> str:
    quote, fields = connection.ops.quote_name, _fields(model)
    columns = ", ".join(quote(field.column) for field in fields)
    typed = ", ".join(f"{quote(field.column)} {type_of(field)}" for field in fields)
    return f"""
        INSERT INTO {quote(model._meta.db_table)} ({columns})
        SELECT {columns} FROM ROWS FROM (json_to_recordset(%s) AS ({typed}))
            WITH ORDINALITY AS given
        ORDER BY ordinality
        RETURNING {quote(str(model._meta.pk.column))}
    """


def _as_text(value: Any) -> str:
    """Write what JSON has no form for as PostgreSQL reads it."""
    match value:
        case UUID() | datetime():
            return str(value)
        case bytes():
            return f"\\x{value.hex()}"
    raise TypeError(f"{value!r} is no value of a column")
