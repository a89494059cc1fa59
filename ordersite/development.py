"""The key of the embedded default: made by itself, kept in a file, used by the test page.

The file is for this user alone, like the data beside it; the page gives the key to every
account of this machine. It is no key for anything but localnet.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group

from orders.access.groups import TRADER
from orders.access.keys import find_key, make_key, revoke
from orders.access.principal import EVERYTHING
from orders.owners import local_owner

from .embedded.layout import write_once

NAME = "development"


def key_file() -> Path:
    return Path(settings.VAR_DIR) / "development_key"


def development_key() -> str:
    """Return the key of the embedded default; "" where there is none."""
    if not (settings.USES_EMBEDDED_POSTGRES and settings.DEVELOPMENT_KEY):
        return ""
    return _kept()


def make_development_key() -> str:
    """Make the key of user `local`, unless the one in the file counts; say what was done."""
    kept = _kept()
    if kept and find_key(kept) is not None:
        return f"development key: it is in {key_file()} already"
    owner = local_owner()
    Group.objects.get(name=TRADER).user_set.add(owner.pk)
    _, text = make_key(owner, NAME, EVERYTHING)
    key_file().unlink(missing_ok=True)  # of a database that is gone, or revoked
    write_once(key_file(), text)
    return f"development key: of user {owner.get_username()}, in {key_file()}"


def withdraw_development_key() -> str:
    """Revoke the key in the file, and remove that; say what was done, "" for nothing."""
    kept = _kept()
    if not kept:
        return ""
    revoke(prefix=kept[4:12])
    key_file().unlink()
    return "development key: revoked and removed"


def _kept() -> str:
    try:
        return key_file().read_text().strip()
    except FileNotFoundError:
        return ""
