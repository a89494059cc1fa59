"""For whom sockets and tickets act, after that was proved, and what that allows now."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db import connection

from orders.recent import Recent

from .groups import scopes_of
from .keys import KEEP_S
from .principal import Means, Principal, Scope


class Holder(NamedTuple):
    """A user, and the key that was used, if it was one; without, a session."""

    owner_id: int
    key_id: int | None

    @classmethod
    def of(cls, principal: Principal) -> Holder:
        return cls(principal.owner_id, principal.key_id)


# One text, whatever is asked for: PostgreSQL plans it once for each connection.
_RIGHTS = """
    SELECT owner.id, key.id, owner.is_superuser, key.scopes,
           ARRAY(
               SELECT belonging.name FROM auth_user_groups AS membership
               JOIN auth_group AS belonging ON belonging.id = membership.group_id
               WHERE membership.user_id = owner.id
           )
    FROM unnest(%s::bigint[], %s::bigint[]) AS held (owner_id, key_id)
    JOIN auth_user AS owner ON owner.id = held.owner_id AND owner.is_active
    LEFT JOIN orders_apikey AS key
        ON key.id = held.key_id AND key.owner_id = owner.id AND key.revoked_at IS NULL
        AND (key.expires_at IS NULL OR key.expires_at > STATEMENT_TIMESTAMP())
    WHERE held.key_id IS NULL OR key.id IS NOT NULL
"""


def read_rights(holders: Collection[Holder]) -> dict[Holder, Principal]:
    """Read what holders may do, by one query; without those who may do nothing.

    Raises database errors.
    """
    asked = list(holders)
    with connection.cursor() as cursor:
        cursor.execute(
            _RIGHTS,
            [[one.owner_id for one in asked], [one.key_id for one in asked]],
        )
        rows = cursor.fetchall()
    found = {}
    for owner_id, key_id, is_superuser, named, groups in rows:
        scopes = scopes_of(groups, is_superuser=is_superuser)
        if key_id is not None:
            scopes &= frozenset(map(Scope, named))
        if scopes:
            means: Means = "session" if key_id is None else "key"
            holder = Holder(owner_id, key_id)
            found[holder] = Principal(*holder, scopes, means)
    return found


def find_holder(holder: Holder) -> Principal | None:
    """Return what a holder may do, None for nothing. May ask the database.

    What was found is remembered for KEEP_S. Raises database errors.
    """
    return _recent.get(holder, lambda: read_rights([holder]).get(holder))


def remembered_holder(holder: Holder) -> Principal | None:
    """Return what find_holder() would without asking the database; None: ask it."""
    return _recent.peek(holder)


_recent: Recent[Holder, Principal | None] = Recent(KEEP_S)
