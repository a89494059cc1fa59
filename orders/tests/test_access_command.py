"""`manage.py apikey`: a key from the command line, ready for a script."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.access.keys import find_key
from orders.access.models import ApiKey
from orders.access.principal import EVERYTHING, Scope
from orders.recent import forget_all

from .accounts import make_text, make_user

pytestmark = pytest.mark.django_db


def apikey(*words: str) -> tuple[str, str]:
    """Run the command; return what it wrote to its output, and beside it."""
    out, beside = StringIO(), StringIO()
    call_command("apikey", *words, stdout=out, stderr=beside)
    return out.getvalue(), beside.getvalue()


def test_its_output_is_the_key_alone():
    out, beside = apikey("create", "--user", "ada", "--create-user")

    principal = find_key(out.strip())
    assert principal is not None
    assert principal.scopes == EVERYTHING
    ada = User.objects.get()
    assert principal.owner_id == ada.pk
    assert not ada.has_usable_password()
    assert "User ada is new, in group trader." in beside
    assert out.strip() not in beside


def test_a_key_has_the_scopes_the_name_and_the_end_that_were_asked_for():
    make_user("ada", "trader")
    words = ("--scopes", "read", "--expires", "90d", "--name", "robot")

    out, _ = apikey("create", "--user", "ada", *words)

    key = ApiKey.objects.get()
    assert (key.scopes, key.name) == (["read"], "robot")
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(
        minutes=1
    )
    principal = find_key(out.strip())
    assert principal is not None
    assert principal.scopes == {Scope.READ}


@pytest.mark.parametrize(
    ("groups", "words", "may", "listed", "denied"),
    [
        (("trader",), (), "read and trade", "read,trade", None),
        (("trader",), ("--scopes", "read"), "read", "read", None),
        (("viewer",), (), "read", "read", "trade"),
        ((), ("--group", "viewer"), "read", "read", "trade"),
        ((), (), "do nothing so far", "nothing", "read or trade"),
    ],
)
def test_it_says_what_the_key_may_really_do(groups, words, may, listed, denied):
    make_user("ada", *groups)

    _, beside = apikey("create", "--user", "ada", *words)

    *warned, told = beside.splitlines()
    assert told.endswith(f" may {may}; it is shown this once:")
    assert apikey("list")[0].split()[2] == listed
    assert warned == (
        [
            f"The groups of ada do not allow it to {denied}. `--group` puts the user "
            "into one that does: trader or operator."
        ]
        if denied
        else []
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--user", "eve"), "Add --create-user"),
        (("create", "--user", "ada", "--scopes", "all"), "use read, trade"),
        (("create", "--user", "ada", "--scopes", ""), "use read, trade"),
        (("create", "--user", "ada", "--expires", "0"), "use 1d to 3650d"),
        (("create", "--user", "ada", "--expires", "2h"), "use 1d to 3650d"),
        (("create", "--user", "gone"), "switched off"),
        (("revoke", "zzzzzzzz"), "apikey list"),
    ],
)
def test_what_makes_no_sense_is_said_and_makes_nothing(words, said):
    make_user("ada", "trader")
    User.objects.create(username="gone", is_active=False)

    with pytest.raises(CommandError, match=said):
        apikey(*words)
    assert not ApiKey.objects.exists()


def test_the_list_shows_every_key_and_no_secret():
    text = make_text(make_user("ada", "trader"))
    old = make_text(make_user("eve", "viewer"), [Scope.READ], timezone.now())
    apikey("revoke", text[4:12])

    out, _ = apikey("list")

    assert [line.split()[:3] for line in out.splitlines()] == [
        [old[4:12], "eve", "read"],
        [text[4:12], "ada", "read,trade"],
    ]
    assert "expired" in out.splitlines()[0]
    assert "revoked" in out.splitlines()[1]
    assert text[13:] not in out
    assert not any(key.secret_hash in out for key in ApiKey.objects.all())


def test_a_revoked_key_counts_no_more():
    text = make_text(make_user("ada", "trader"))

    assert apikey("revoke", text[4:12])[0] == f"Key {text[4:12]} is revoked.\n"
    forget_all()
    assert find_key(text) is None
    assert apikey("revoke", text[4:12])[0] == (
        f"Key {text[4:12]} was already revoked.\n"
    )
