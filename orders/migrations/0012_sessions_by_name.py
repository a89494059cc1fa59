"""Sockets and tickets name the session that they rest on without holding its cookie."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0011_limits_outlast_owners"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE INDEX orders_session_by_name ON django_session
                (left(encode(sha256(session_key::bytea), 'hex'), 32))
            """,
            "DROP INDEX orders_session_by_name",
        )
    ]
