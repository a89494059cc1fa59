"""pytest plugin: what is slow in tests, and only there, done quickly.

Passwords of tests are not worth half a second of hashing each. The rows of a test that
commits are deleted afterwards: TRUNCATE takes a lock and a new file for every table and
index, and what Django does after it (content types and permissions, made anew) takes
longer still. In what is loaded before the first test no garbage is looked for, as in the
processes of the site.
"""

from __future__ import annotations

import functools
from collections.abc import Generator

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from dex.collector import begin_loading, end_loading

# What migrations make, and tests never change.
KEPT = {
    *("auth_permission", "django_content_type"),
    *("auth_group", "auth_group_permissions"),
}

# Its triggers let no row go, neither by DELETE nor by TRUNCATE.
ONLY_ADDED = "dex_guardchange"


def delete_rows(case: TransactionTestCase) -> None:
    """Empty every table of the test database but those that all tests share."""
    with connection.cursor() as cursor:
        # Several statements sent as one are one transaction, and foreign keys are checked
        # at its COMMIT, so the order does not matter.
        cursor.execute(statements())


@functools.cache
def statements() -> str:
    tables = connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )
    deletes = [
        f"DELETE FROM {connection.ops.quote_name(table)}"
        for table in {*tables} - KEPT - {ONLY_ADDED}
    ]
    truncate = (
        f"DO $$ BEGIN IF EXISTS (SELECT FROM {ONLY_ADDED}) THEN "
        f"ALTER TABLE {ONLY_ADDED} DISABLE TRIGGER USER; TRUNCATE {ONLY_ADDED}; "
        f"ALTER TABLE {ONLY_ADDED} ENABLE TRIGGER USER; END IF; END $$"
    )
    return "; ".join([truncate, *deletes])


def pytest_configure() -> None:
    # Each test client has a middleware of its own, which would read all 180 files.
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = delete_rows  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    begin_loading()
    try:
        return (yield)
    finally:
        end_loading()
