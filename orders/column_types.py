"""What PostgreSQL is told a value is, before it goes into a column."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import CharField, Field, TextField


def type_of(field: Field[Any, Any]) -> str:
    """Return the type to cast a value of the field to.

    That of a text is without its length: a cast would cut off what is too long, which the
    table refuses.
    """
    is_text = isinstance(field, CharField | TextField)
    return "text" if is_text else str(field.rel_db_type(connection))
