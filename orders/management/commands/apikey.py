"""API keys from the command line: made, listed, revoked."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dex.management.database import advice
from orders.access.groups import SCOPES, TRADER
from orders.access.key_states import minute, state_of
from orders.access.keys import effective_scopes, make_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import Scope
from orders.clock import database_now

MOST_DAYS = 3_650


class Command(BaseCommand):
    help = "Make, list and revoke API keys. The admin does the same."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="make a key, and show it this once")
        create.add_argument("--user", required=True, help="whose key it is")
        create.add_argument(
            "--create-user", action="store_true", help="make the user if there is none"
        )
        create.add_argument(
            "--group",
            choices=SCOPES,
            help=f"put the user into this group (default for a new user: {TRADER})",
        )
        create.add_argument("--name", default="command line", help="what it is for")
        create.add_argument(
            "--scopes", default="read,trade", help="read, trade, or both (default)"
        )
        create.add_argument(
            "--expires", metavar="DAYS", help="days it is good for, as in 90d"
        )
        acts.add_parser("list", help="show the keys, of which none can be read")
        end = acts.add_parser("revoke", help="make a key worthless within a second")
        end.add_argument("prefix", help="its 8 characters after dex_")

    def handle(self, *args: Any, **options: Any) -> None:
        acts = {"create": self._create, "list": self._list, "revoke": self._revoke}
        try:
            acts[options["act"]](options)
        except DatabaseError as error:
            raise CommandError(advice(error)) from error

    def _create(self, options: dict[str, Any]) -> None:
        scopes, expires_at = _scopes(options["scopes"]), _moment(options["expires"])
        user, is_new = _user(options["user"], may_make=options["create_user"])
        group = options["group"] or (TRADER if is_new else None)
        if group is not None:
            Group.objects.get(name=group).user_set.add(user.pk)
        key, text = make_key(user, options["name"][:100], scopes, expires_at)
        if is_new:
            self.stderr.write(f"User {options['user']} is new, in group {group}.")
        allowed = effective_scopes(key)
        if denied := set(scopes) - allowed:
            groups = " or ".join(g for g, may in SCOPES.items() if denied <= may)
            self.stderr.write(
                f"The groups of {options['user']} do not allow it to "
                f"{_joined(denied, ' or ')}. `--group` puts the user into one that does: "
                f"{groups}."
            )
        may = _joined(allowed, " and ") or "do nothing so far"
        self.stderr.write(f"Key {key.prefix} may {may}; it is shown this once:")
        self.stdout.write(text)  # alone, so that a script can take it

    def _list(self, options: dict[str, Any]) -> None:
        now, keys = database_now(), ApiKey.objects.select_related("owner")
        for key in keys.prefetch_related("owner__groups"):
            may = _joined(effective_scopes(key), ",") or "nothing"
            self.stdout.write(
                f"{key.prefix}  {key.owner.get_username():<16} {may:<10} "
                f"{state_of(key, now):<24} last used {minute(key.last_used_at)}  {key.name}"
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        prefix = options["prefix"]
        key = ApiKey.objects.filter(prefix=prefix).first()
        if key is None:
            raise CommandError(
                f"No key has the prefix {prefix!r}. `apikey list` shows those there are."
            )
        revoked = revoke(prefix=prefix)
        self.stdout.write(f"Key {prefix} {'is' if revoked else 'was already'} revoked.")


def _joined(scopes: Iterable[Scope], between: str) -> str:
    return between.join(sorted(scopes))


def _scopes(text: str) -> Sequence[Scope]:
    try:
        return sorted({Scope(name.strip()) for name in text.split(",")})
    except ValueError:
        raise CommandError(
            f"--scopes {text!r}: use read, trade, or read,trade."
        ) from None


def _moment(text: str | None) -> Any:
    if text is None:
        return None
    days = re.fullmatch(r"([0-9]{1,4})d?", text, re.ASCII)
    if days is None or not 1 <= int(days[1]) <= MOST_DAYS:
        raise CommandError(f"--expires {text!r}: use 1d to {MOST_DAYS}d.")
    return database_now() + timedelta(days=int(days[1]))


def _user(username: str, *, may_make: bool) -> tuple[Any, bool]:
    """Find a user, or make one who cannot log in; say whether it is new."""
    users = get_user_model().objects
    found: Any = users.filter(username=username).first()
    if found is not None:
        if not found.is_active:
            raise CommandError(f"User {username} is switched off: see the admin.")
        return found, False
    if not may_make:
        raise CommandError(f"There is no user {username!r}. Add --create-user.")
    return users.create_user(username=username), True
