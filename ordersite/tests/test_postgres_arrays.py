"""Lists that are sent as arrays: quoted here, and read by PostgreSQL itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from psycopg.types.json import Jsonb

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("text", []),
        ("text", ["", "null", "a,b", "{}", r'a "quoted\" \ text', "\u2028 \x85", "ü"]),
        ("text", ["one", None]),
        ("text", [["nested"], ['"']]),
        ("integer", [1, -(2**31)]),
        ("timestamptz", [datetime(2026, 11, 29, 12, 0, 0, 1, tzinfo=UTC)]),
        ("bytea", [b"", b'\x00"\\', bytes(range(256))]),
    ],
    ids=["empty", "texts", "null", "nested", "numbers", "moments", "bytes"],
)
def test_a_list_arrives_as_it_was_sent(kind: str, sent: list[Any]):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [sent])
        assert cursor.fetchone() == (sent,)


def test_documents_in_a_list_arrive_as_they_were_sent():
    sent = [{"a": r'x "y\" \ z', "b": [None, {"c": "{,}"}]}, {}, {"ü": "\n\t"}]
    with connection.cursor() as cursor:
        documents = [Jsonb(each) for each in sent]
        cursor.execute("SELECT to_jsonb(%s::jsonb[])", [documents])
        (arrived,) = cursor.fetchone()
    assert json.loads(arrived) == sent
