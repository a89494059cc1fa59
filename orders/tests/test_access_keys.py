"""API keys: what counts, for how long, and what the table of them is worth to a thief."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders.access import keys
from orders.access.groups import make_groups
from orders.access.keys import find_key, make_key, revoke
from orders.access.last_used import LAST_USED
from orders.access.models import ApiKey
from orders.access.principal import Principal, Scope

from .accounts import BOTH, make_text, make_user

pytestmark = pytest.mark.django_db


def test_a_key_has_256_random_bits_and_its_row_only_their_hash():
    user = make_user("ada", "trader")
    key, text = make_key(user, "robot", BOTH)

    assert re.fullmatch(r"dex_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", text)
    secret = text.split("_", 2)[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT orders_apikey::text FROM orders_apikey")
        [(row,)] = cursor.fetchall()
    assert secret not in row
    assert key.prefix in row


def test_what_stands_in_the_table_is_no_key():
    key, _ = make_key(make_user("ada", "trader"), "robot", BOTH)

    for stored in (key.secret_hash, key.secret_hash[:43], key.prefix):
        assert find_key(f"dex_{key.prefix}_{stored}") is None


def test_a_key_acts_for_its_owner():
    user = make_user("ada", "trader")
    key, text = make_key(user, "robot", BOTH)

    assert find_key(text) == Principal(user.pk, key.pk, frozenset(BOTH), "key")


@pytest.mark.parametrize(
    ("groups", "scopes", "may"),
    [
        (["trader"], BOTH, BOTH),
        (["operator"], BOTH, BOTH),
        (["viewer"], BOTH, [Scope.READ]),
        (["viewer", "trader"], [Scope.TRADE], [Scope.TRADE]),
        (["trader"], [Scope.READ], [Scope.READ]),
    ],
)
def test_a_key_allows_what_both_it_and_the_groups_of_its_owner_allow(
    groups, scopes, may
):
    text = make_text(make_user("ada", *groups), scopes)

    principal = find_key(text)
    assert principal is not None
    assert principal.scopes == frozenset(may)


def test_a_superuser_needs_no_group():
    root = User.objects.create_superuser("root")

    principal = find_key(make_text(root))
    assert principal is not None
    assert principal.scopes == frozenset(BOTH)


def test_a_group_that_nobody_here_knows_allows_nothing():
    Group.objects.create(name="staff")

    assert find_key(make_text(make_user("ada", "staff"))) is None


def test_a_key_is_looked_up_by_one_query_and_then_remembered(
    django_assert_num_queries,
):
    text = make_text(make_user("ada", "viewer", "trader"))

    with django_assert_num_queries(1):
        assert find_key(text) == find_key(text) == keys.remembered_key(text)


def test_a_key_is_remembered_under_no_part_of_its_text():
    text = make_text(make_user("ada", "trader"))
    find_key(text)

    kept = repr(keys._by_text._kept)
    assert text.split("_", 2)[2] not in kept


def test_a_revoked_key_is_refused_within_a_second_by_who_used_it_just_before():
    text = make_text(make_user("ada", "trader"))
    assert find_key(text) is not None

    revoke(prefix=text[4:12])
    revoked_at = time.monotonic()
    while find_key(text) is not None:
        assert time.monotonic() - revoked_at < 1.0
        time.sleep(0.02)

    assert time.monotonic() - revoked_at < 1.0


def test_revoking_again_keeps_the_first_moment():
    text = make_text(make_user("ada", "trader"))

    assert revoke(prefix=text[4:12]) == 1
    moment = ApiKey.objects.get().revoked_at
    assert revoke(prefix=text[4:12]) == 0
    assert ApiKey.objects.get().revoked_at == moment


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "admin"]])
def test_the_table_takes_no_scope_that_does_not_exist(scopes):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_key(make_user("ada"), "robot", scopes)


def test_a_key_expires_by_the_clock_of_the_database():
    user = make_user("ada", "trader")

    assert find_key(make_text(user, expires_at=timezone.now() + timedelta(days=1)))
    assert find_key(make_text(user, expires_at=timezone.now())) is None


def test_the_groups_are_made_once_and_keep_what_was_added():
    group = Group.objects.get(name="operator")
    before = set(group.permissions.values_list("codename", flat=True))
    assert before >= {"view_order", "change_order", "change_tradinghalt"}
    taken = group.permissions.get(codename="change_order")
    group.permissions.remove(taken)

    make_groups()

    assert set(group.permissions.values_list("codename", flat=True)) == before
    assert Group.objects.filter(name__in=["viewer", "trader", "operator"]).count() == 3


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_written_once_a_minute():
    key, text = make_key(make_user("ada", "trader"), "robot", BOTH)
    find_key(text)
    LAST_USED.forget()

    written = LAST_USED.note(key.pk)
    assert written is not None
    written.result()
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    assert LAST_USED.note(key.pk) is None  # within the minute

    LAST_USED.forget()  # as another process would
    again = LAST_USED.note(key.pk)
    assert again is not None
    again.result()
    assert ApiKey.objects.get().last_used_at == first

    ApiKey.objects.update(last_used_at=Now() - timedelta(seconds=61))
    LAST_USED.forget()
    later = LAST_USED.note(key.pk)
    assert later is not None
    later.result()
    assert (ApiKey.objects.get().last_used_at or first) > first


@pytest.mark.django_db(transaction=True)
def test_a_use_that_cannot_be_written_down_fails_nothing(caplog):
    key, text = make_key(make_user("ada", "trader"), "robot", BOTH)
    with transaction.atomic():
        ApiKey.objects.select_for_update().get()  # it waits for this, and gives up
        written = LAST_USED.note(key.pk)
        assert written is not None
        began = time.monotonic()
        assert find_key(text) is not None
        assert time.monotonic() - began < 1.0
        written.result()

    assert "was not written down" in caplog.text
    assert ApiKey.objects.get().last_used_at is None
