"""The clock that decides: that of the database. Each host's own may be wrong."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import connection


def database_now() -> datetime:
    """Return what time it is by the database. Raises database errors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT STATEMENT_TIMESTAMP()")
        return cast(datetime, cursor.fetchone()[0])
