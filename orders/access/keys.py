"""API keys: made, looked up, revoked. The text of a key is shown once and kept nowhere."""

from __future__ import annotations

import hmac
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError
from django.db.models import Q
from django.db.models.functions import Now

from orders.recent import Recent

from .groups import scopes_of
from .last_used import LAST_USED
from .models import ApiKey
from .principal import Principal, Scope

# Looked at again every half second after that where a socket is open (watch.py), so that
# revoking takes effect within a second there, too.
KEEP_S = 0.4
_LETTERS = string.ascii_lowercase + string.digits
_KEY = re.compile(r"dex_([a-z0-9]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_HASH = sha256(b"").hexdigest()  # of no secret: a secret has 43 characters

LIVE = Q(revoked_at__isnull=True) & (
    Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A key as its row stands: what it allows now, nothing when it does not count."""

    principal: Principal
    secret_hash: str

    @property
    def counts(self) -> bool:
        return bool(self.principal.scopes)


def make_key(
    owner: AbstractBaseUser,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return its row, and its text, which nobody can read again."""
    key = ApiKey(
        owner_id=owner.pk, name=name, scopes=sorted(scopes), expires_at=expires_at
    )
    return key, issue(key)


class IssuedBefore(Exception):
    """A key was made by the same form before; `prefix` names it."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"The key {prefix} was made by the same form.")
        self.prefix = prefix


def issue(key: ApiKey, form_id: UUID | None = None) -> str:
    """Store a new key under a secret of its own; return its text.

    A form that is sent again makes no second key, because its id decides about the prefix,
    which is unique. Raises IssuedBefore then; the transaction around it is lost.
    """
    key.prefix = _prefix(secrets.token_bytes(16) if form_id is None else form_id.bytes)
    secret = secrets.token_urlsafe(32)
    key.secret_hash = _hash(secret)
    try:
        key.save(force_insert=True)
    except IntegrityError as error:
        if form_id is None:
            raise
        raise IssuedBefore(key.prefix) from error
    return f"dex_{key.prefix}_{secret}"


def effective_scopes(key: ApiKey) -> frozenset[Scope]:
    """Return what a key allows while it counts: no more than the groups of its owner do.

    Asks for the groups, unless `owner__groups` was prefetched.
    """
    if not key.owner.is_active:
        return frozenset()
    groups = (group.name for group in key.owner.groups.all())
    allowed = scopes_of(groups, is_superuser=key.owner.is_superuser)
    return allowed & frozenset(map(Scope, key.scopes))


def revoke(*which: Q, **columns: Any) -> int:
    """Revoke the keys that are not revoked yet; return how many."""
    keys = ApiKey.objects.filter(*which, revoked_at__isnull=True, **columns)
    return keys.update(revoked_at=Now())


def find_key(text: str) -> Principal | None:
    """Return who acts with a key, None when it does not count. May ask the database.

    What was found is remembered for KEEP_S. Raises database errors.
    """
    principal = _by_text.get(_name(text), lambda: _read(text))
    if principal is not None and principal.key_id is not None:
        LAST_USED.note(principal.key_id)
    return principal


def remembered_key(text: str) -> Principal | None:
    """Return what find_key() would without asking the database; None: ask it."""
    return _by_text.peek(_name(text))


def known_key(text: str) -> int | None:
    """Return the id of a key that counted when this process last looked it up.

    It proves nothing. It says whose limit a request counts against.
    """
    principal = _by_text.last(_name(text))
    return principal.key_id if principal is not None else None


def is_live(text: str) -> bool:
    """Say whether a key was live within a second. One query tells it of all keys.

    For who may not cost a query of their own. Raises database errors.
    """
    parts = _KEY.fullmatch(text)
    return parts is not None and _hash(parts[2]) in _live.get("all", _read_live)


_by_text: Recent[bytes, Principal | None] = Recent(KEEP_S)
_live: Recent[str, frozenset[str]] = Recent()


def _name(text: str) -> bytes:
    """Name a key in memory without keeping it there."""
    return sha256(text.encode()).digest()


def _prefix(seed: bytes) -> str:
    number = int.from_bytes(sha256(seed).digest())
    return "".join(
        _LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(8)
    )


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _read_live() -> frozenset[str]:
    hashes = (
        ApiKey.objects.filter(LIVE).order_by().values_list("secret_hash", flat=True)
    )
    return frozenset({_NO_HASH, *hashes})  # an empty one would not be remembered


def _read(text: str) -> Principal | None:
    parts = _KEY.fullmatch(text)
    if parts is None:
        return None
    prefix, secret = parts.groups()
    standing = _standing(prefix=prefix)
    # Compared also when there is none, and before anything else is looked at.
    expected = standing.secret_hash if standing else _NO_HASH
    if not hmac.compare_digest(_hash(secret), expected):
        return None
    return _counting(standing)


def _counting(standing: Standing | None) -> Principal | None:
    return standing.principal if standing is not None and standing.counts else None


def _standing(**which: Any) -> Standing | None:
    """Read one key with its owner and the owner's groups, by one query."""
    rows = list(
        ApiKey.objects.filter(**which)
        .annotate(is_live=LIVE)
        .order_by()
        .values_list(
            *("id", "owner_id", "secret_hash", "scopes", "is_live"),
            *("owner__is_active", "owner__is_superuser", "owner__groups__name"),
        )
    )
    if not rows:
        return None
    key_id, owner_id, secret_hash, named, is_live, is_active, is_superuser, _ = rows[0]
    scopes: frozenset[Scope] = frozenset()
    if is_live and is_active:
        scopes = scopes_of((row[-1] for row in rows), is_superuser=is_superuser)
    allowed = scopes & frozenset(map(Scope, named))
    return Standing(Principal(owner_id, key_id, allowed, "key"), secret_hash)
