"""Who acts, and what they may do: the answer of every way of proving it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.db.models import TextChoices

from orders.problems import Problem


class Scope(TextChoices):
    """What a key allows. It allows no more than the groups of its owner do."""

    READ = "read", "Read"
    TRADE = "trade", "Trade"


EVERYTHING = frozenset(Scope)

Means = Literal["key", "session", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The user for whom a request acts. `key_id` only where it came with a key.

    `session` names the session that it came with, if it did: see holders.name_of_session.
    """

    owner_id: int
    key_id: int | None
    scopes: frozenset[Scope]
    means: Means
    session: str = ""

    def require(self, scope: Scope) -> None:
        """Raise the problem `missing_scope` unless this principal has `scope`."""
        if scope not in self.scopes:
            raise Problem(
                403,
                "missing_scope",
                f"This needs the scope {scope.value!r}. Use a key that has it, of a user "
                "whose groups allow it.",
            )


def authentication_required() -> Problem:
    """The problem of a request that proves nothing."""
    return _unauthorized(
        "authentication_required",
        "Send an API key as `Authorization: Bearer <key>`. `manage.py apikey create` "
        "makes one.",
    )


def invalid_key() -> Problem:
    """The problem of a key that counts for nothing. It says nothing about the reason."""
    return _unauthorized(
        "invalid_key",
        "The API key is not valid. Send one that is known, neither revoked nor expired, "
        "as `Authorization: Bearer <key>`.",
    )


def invalid_ticket() -> Problem:
    """The problem of a ticket that counts for nothing. It says nothing about the reason."""
    return _unauthorized(
        "invalid_ticket",
        "The ticket is not valid for this order, or not any more. Send an API key as "
        "`Authorization: Bearer <key>`, or ask for a new ticket.",
    )


def right_lost() -> Problem:
    """The problem of a socket whose right ended while it was open."""
    return _unauthorized(
        "right_lost",
        "The right by which this socket was opened has ended: its key was revoked or "
        "expired, its session ended, or its user may do this no more. Connect again with "
        "a key that counts, or log in again.",
    )


def _unauthorized(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
