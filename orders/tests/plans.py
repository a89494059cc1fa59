"""What a test of query plans begins with."""

from __future__ import annotations

from django.db import connection


def start_with_new_files() -> None:
    """Give orders, and what refers to them, new files until the test is rolled back.

    The planner counts the pages of a table and its indexes, and rolled back tests leave
    theirs: what ran before in this database must not decide which index is the cheaper.
    """
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE orders_order CASCADE")
