"""What the commands say when the database fails them."""

from __future__ import annotations

from django.db import DatabaseError, OperationalError, ProgrammingError


def advice(error: DatabaseError) -> str:
    """Say in one line what the user can do, and then what the database said."""
    said = " ".join(str(error).split())
    if isinstance(error, OperationalError):
        return (
            "The database does not answer. Start it with `make run` in another "
            f"terminal, or check DATABASE_URL. It said: {said}"
        )
    if isinstance(error, ProgrammingError):
        return (
            "The database lacks tables of this version. Update it with "
            f"`.venv/bin/python manage.py prepare`. It said: {said}"
        )
    return f"The database refused it: {said}"
