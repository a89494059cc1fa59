"""How the rights of open sockets are looked at: seldom, together, and again and again."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from orders.access import watch
from orders.access.holders import _RIGHTS, Holder, name_of_session, read_rights
from orders.access.keys import make_key, revoke
from orders.access.principal import Principal, Scope
from orders.access.tickets import LIFETIME_S
from orders.hub import current_hub
from orders.models import Status
from orders.threads import in_thread

from .accounts import BOTH, log_in, make_user, session_key
from .clients import open_socket, order_text
from .helpers import claim, make_order, move
from .listeners import LOSSES, Account, ending

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]


@pytest.fixture
def queries(monkeypatch) -> list[int]:
    """Collect how many holders each look of the watch asks for."""
    sizes: list[int] = []

    def counted(holders):
        sizes.append(len(holders))
        return read_rights(holders)

    monkeypatch.setattr(watch, "read_rights", counted)
    return sizes


async def test_a_socket_outlives_its_ticket_and_a_new_one_needs_a_new_ticket(
    monkeypatch, queries
):
    ada = await in_thread(lambda: Account("ada"))
    now = time.time()
    async with open_socket(ada.ticket) as socket:
        await socket.frame()
        monkeypatch.setattr(time, "time", lambda: now + LIFETIME_S + 2)
        async with open_socket(ada.ticket) as late:
            assert await ending(late) == ("invalid_ticket", 4401)
        await looked(queries)
        held = await in_thread(claim, ada.order)
        await in_thread(move, held, Status.PENDING, Status.ROUTING)
        assert (await socket.frame())["status"] == "routing"


async def looked(queries: list[int]) -> None:
    """Wait for the next look of the watch to begin, and for the one after it."""
    wanted = len(queries) + 2
    async with asyncio.timeout(5):
        while len(queries) < wanted:
            await asyncio.sleep(0.01)


async def test_all_holders_are_looked_at_by_one_query_each_half_second(queries):
    accounts = await in_thread(
        lambda: [Account(name) for name in ("ada", "eve", "joe")]
    )
    began = time.monotonic()
    sockets = [socket for one in accounts for socket in await one.follow()]
    await looked(queries)
    took_s = time.monotonic() - began

    assert set(queries) == {3}
    assert len(queries) <= took_s / watch.EVERY_S
    for socket in sockets:
        await socket.leave()


async def test_nobody_is_looked_at_when_no_socket_is_open(queries):
    ada = await in_thread(lambda: Account("ada"))
    async with open_socket(ada.query, ada.headers) as socket:
        await socket.frame()
    rights = current_hub().rights
    async with asyncio.timeout(5):
        while rights.is_looking:
            await asyncio.sleep(0.01)

    assert queries == []


async def test_whoever_is_anonymous_is_not_looked_at(settings, queries):
    settings.ALLOW_ANONYMOUS = True
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}") as socket, open_socket() as placing:
        await socket.frame()
        await placing.send(order_text())
        assert "wsUrl" in await placing.frame()
        assert not current_hub().rights.is_looking

    assert queries == []


async def test_while_the_database_is_away_sockets_stay_and_then_are_looked_at_again(
    monkeypatch, caplog
):
    ada = await in_thread(lambda: Account("ada"))
    failures = 0

    def fail(holders):
        nonlocal failures
        failures += 1
        raise OperationalError("away")

    async with open_socket(ada.query, ada.headers) as socket:
        await socket.frame()
        monkeypatch.setattr(watch, "read_rights", fail)
        await in_thread(LOSSES["revoked"], ada)
        async with asyncio.timeout(5):
            while failures < 2:
                await asyncio.sleep(0.01)
        assert await socket.is_silent(0.01)
        monkeypatch.setattr(watch, "read_rights", read_rights)
        assert await ending(socket) == ("right_lost", 4401)

    assert "the rights of sockets were not looked at" in caplog.text


def test_rights_are_read_of_many_holders_by_one_query(django_assert_num_queries):
    ada = make_user("ada", "trader")
    root = User.objects.create_superuser("root")
    gone = make_user("gone", "trader")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    alone = make_user("alone")
    reads, revoked, late = (
        make_key(ada, "test", [Scope.READ], expires)[0]
        for expires in (None, None, timezone.now() + timedelta(days=1))
    )
    revoke(id=revoked.pk)
    foreign, _ = make_key(root, "test", BOTH)
    users = [ada, root, gone, alone]
    names = [name_of_session(session_key(log_in(user)[0])) for user in users]
    holders = [
        *(Holder(user.pk, None, name) for user, name in zip(users, names, strict=True)),
        *(Holder(ada.pk, None, name) for name in (names[1], "", "x")),
        *(Holder(ada.pk, key.pk) for key in (reads, revoked, late, foreign)),
    ]

    with django_assert_num_queries(1):
        found = read_rights(holders)

    both, read = frozenset(BOTH), frozenset([Scope.READ])
    assert found == {
        holders[0]: Principal(ada.pk, None, both, "session", names[0]),
        holders[1]: Principal(root.pk, None, both, "session", names[1]),
        Holder(ada.pk, reads.pk): Principal(ada.pk, reads.pk, read, "key"),
        Holder(ada.pk, late.pk): Principal(ada.pk, late.pk, read, "key"),
    }


@pytest.mark.django_db
def test_sessions_are_found_by_their_names_with_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {_RIGHTS}", [[1], [None], ["a" * 32]])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "orders_session_by_name" in plan, plan
