"""For whom sockets and tickets act, after that was proved, and what that allows now."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils.crypto import constant_time_compare

from orders.recent import Recent

from .groups import scopes_of
from .keys import KEEP_S
from .principal import Means, Principal, Scope


class Holder(NamedTuple):
    """A user, and the key that was used, if it was one; without, the session's name."""

    owner_id: int
    key_id: int | None
    session: str = ""

    @classmethod
    def of(cls, principal: Principal) -> Holder:
        return cls(principal.owner_id, principal.key_id, principal.session)


def name_of_session(session_key: str) -> str:
    """Name a session in memory and in tickets: nobody can make its cookie of that."""
    return sha256(session_key.encode()).hexdigest()[:32]


# One text, whatever is asked for: PostgreSQL plans it once for each connection. Sessions
# are found by their names with an index of migration 0012.
_RIGHTS = """
    SELECT owner.id, key.id, held.session, session.session_data, owner.password,
           owner.is_superuser, key.scopes,
           ARRAY(
               SELECT belonging.name FROM auth_user_groups AS membership
               JOIN auth_group AS belonging ON belonging.id = membership.group_id
               WHERE membership.user_id = owner.id
           )
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
        AS held (owner_id, key_id, session)
    JOIN auth_user AS owner ON owner.id = held.owner_id AND owner.is_active
    LEFT JOIN orders_apikey AS key
        ON key.id = held.key_id AND key.owner_id = owner.id AND key.revoked_at IS NULL
        AND (key.expires_at IS NULL OR key.expires_at > STATEMENT_TIMESTAMP())
    LEFT JOIN django_session AS session
        ON left(encode(sha256(session.session_key::bytea), 'hex'), 32) = held.session
        AND held.key_id IS NULL AND session.expire_date > STATEMENT_TIMESTAMP()
    WHERE key.id IS NOT NULL OR session.session_key IS NOT NULL
"""


def read_rights(holders: Collection[Holder]) -> dict[Holder, Principal]:
    """Read what holders may do, by one query; without those who may do nothing.

    Raises database errors.
    """
    asked = list(holders)
    with connection.cursor() as cursor:
        cursor.execute(
            _RIGHTS,
            [
                [one.owner_id for one in asked],
                [one.key_id for one in asked],
                [one.session for one in asked],
            ],
        )
        rows = cursor.fetchall()
    found = {}
    for owner_id, key_id, session, data, password, is_superuser, named, groups in rows:
        scopes = scopes_of(groups, is_superuser=is_superuser)
        means: Means = "session" if key_id is None else "key"
        if key_id is not None:
            scopes &= frozenset(map(Scope, named))
        elif not _is_login(data, owner_id, password):
            continue
        if scopes:
            found[Holder(owner_id, key_id, session)] = Principal(
                owner_id, key_id, scopes, means, session
            )
    return found


def _is_login(data: str, owner_id: int, password: str) -> bool:
    """Say whether a stored session is one of this user, begun with this password."""
    said = SessionStore().decode(data)
    expected = get_user_model()(password=password).get_session_auth_hash()
    return said.get(SESSION_KEY) == str(owner_id) and constant_time_compare(
        said.get(HASH_SESSION_KEY, ""), expected
    )


def find_holder(holder: Holder) -> Principal | None:
    """Return what a holder may do, None for nothing. May ask the database.

    What was found is remembered for KEEP_S. Raises database errors.
    """
    return _recent.get(holder, lambda: read_rights([holder]).get(holder))


def remembered_holder(holder: Holder) -> Principal | None:
    """Return what find_holder() would without asking the database; None: ask it."""
    return _recent.peek(holder)


_recent: Recent[Holder, Principal | None] = Recent(KEEP_S)
