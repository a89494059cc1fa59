"""Rights that end while a socket is open: it hears why, and then nothing more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError
from django.utils import timezone

from orders.access import watch
from orders.access.holders import Holder, read_rights
from orders.access.keys import make_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import Principal, Scope
from orders.access.tickets import LIFETIME_S, ticket_for
from orders.consumers import OrderConsumer
from orders.hub import current_hub
from orders.models import Order, Status
from orders.threads import in_thread

from .accounts import BOTH, make_user, socket_headers
from .clients import PATH, Socket, open_socket, order_text
from .helpers import claim, make_order, make_token, move

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_S = 1.0


@pytest.fixture(autouse=True)
def _nobody_is_anonymous(settings):
    settings.ALLOW_ANONYMOUS = False
    make_token("A")
    make_token("B")


@pytest.fixture
def queries(monkeypatch) -> list[int]:
    """Collect how many holders each look of the watch asks for."""
    sizes: list[int] = []

    def counted(holders):
        sizes.append(len(holders))
        return read_rights(holders)

    monkeypatch.setattr(watch, "read_rights", counted)
    return sizes


class Account:
    """A trader with a key and an open order, and the ways to listen to it."""

    def __init__(self, username: str) -> None:
        self.user = make_user(username, "trader")
        self.key, text = make_key(self.user, "test", BOTH)
        self.headers = socket_headers(text)
        self.order = make_order(owner=self.user)
        self.query = f"?orderId={self.order.id}"
        self.ticket = self.query + self._ticket("key", self.key.pk)
        self.session_ticket = self.query + self._ticket("session", None)

    def _ticket(self, means: Any, key_id: int | None) -> str:
        principal = Principal(self.user.pk, key_id, frozenset(BOTH), means)
        return f"&ticket={ticket_for(self.order.id, principal)}"

    async def follow(self) -> list[Socket]:
        """Open a socket by each proof; each has heard the order's first event."""
        asked = [(self.query, self.headers), (self.ticket, ()), self.placing]
        sockets = [Socket(query, headers) for query, headers in asked]
        for socket in sockets:
            assert await socket.connect()
        for socket in sockets[:2]:
            assert (await socket.frame())["sequence"] == 1
        return sockets

    @property
    def placing(self) -> tuple[str, list[tuple[bytes, bytes]]]:
        return "", self.headers


async def ending(socket: Socket) -> tuple[str, int]:
    """Return code and close code with which a socket ends, and nothing else before."""
    return (await socket.frame())["code"], await socket.close_code()


def expire(one: Account) -> None:
    ApiKey.objects.filter(id=one.key.pk).update(expires_at=timezone.now())


LOSSES: dict[str, Callable[[Account], Any]] = {
    "revoked": lambda one: revoke(id=one.key.pk),
    "expired": expire,
    "inactive": lambda one: User.objects.filter(pk=one.user.pk).update(is_active=False),
    "no group": lambda one: one.user.groups.clear(),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
async def test_a_right_that_ends_closes_its_sockets_within_a_second_and_no_others(lose):
    ada, eve = await in_thread(lambda: [Account("ada"), Account("eve")])
    sockets, others = await ada.follow(), await eve.follow()

    await in_thread(lose, ada)
    lost_at = time.monotonic()
    endings = await asyncio.gather(*map(ending, sockets))
    took_s = time.monotonic() - lost_at

    assert endings == [("right_lost", 4401)] * 3
    assert took_s < WITHIN_S
    await others[2].send(order_text())
    assert "wsUrl" in await others[2].frame()
    for socket in others[:2]:
        assert await socket.is_silent(0.01)
    for socket in (*sockets, *others):
        await socket.leave()


async def test_nothing_of_an_order_is_told_after_the_right_to_hear_it_was_lost():
    ada = await in_thread(lambda: Account("ada"))
    async with open_socket(ada.query, ada.headers) as socket:
        await socket.frame()
        await in_thread(LOSSES["revoked"], ada)
        assert await ending(socket) == ("right_lost", 4401)

        held = await in_thread(claim, ada.order)
        await in_thread(move, held, Status.PENDING, Status.ROUTING)
        await socket.send(order_text())  # to no avail either
        assert await socket.is_silent(0.2)
    assert await in_thread(Order.objects.count) == 1


async def test_the_socket_of_a_session_ends_with_the_rights_of_its_user_alone():
    ada = await in_thread(lambda: Account("ada"))
    async with open_socket(ada.session_ticket) as socket:
        await socket.frame()
        await in_thread(LOSSES["revoked"], ada)  # its key is none of the session's
        assert await socket.is_silent(watch.EVERY_S + 0.2)
        await in_thread(LOSSES["inactive"], ada)
        assert await ending(socket) == ("right_lost", 4401)


async def test_who_may_trade_no_more_goes_on_listening_and_is_refused_each_order():
    ada = await in_thread(lambda: Account("ada"))
    viewer = await in_thread(lambda: Group.objects.get(name="viewer"))
    async with open_socket("", ada.headers) as socket:
        await socket.send(order_text())
        placed = await socket.frame()
        assert (await socket.frame())["status"] == "pending"
        await in_thread(ada.user.groups.set, [viewer])
        await changed(ada)

        await socket.send(order_text())
        refused = await socket.frame()
        order = await in_thread(lambda: Order.objects.get(id=placed["orderId"]))
        held = await in_thread(claim, order)
        await in_thread(move, held, Status.PENDING, Status.ROUTING)
        told = await socket.frame()

    assert (refused["status"], refused["code"]) == (403, "missing_scope")
    assert (told["orderId"], told["status"]) == (placed["orderId"], "routing")
    assert await in_thread(Order.objects.count) == 2


async def changed(account: Account) -> None:
    """Wait until the watch knows what an account may do now."""
    holder = Holder(account.user.pk, account.key.pk)
    now = (await in_thread(read_rights, [holder]))[holder]
    async with asyncio.timeout(WITHIN_S):
        while current_hub().rights.principal_of(holder) != now:
            await asyncio.sleep(0.01)


async def test_who_may_read_no_more_is_followed_no_more_and_may_go_on_placing():
    ada = await in_thread(lambda: Account("ada"))
    by_header, by_ticket, placing = await ada.follow()

    await in_thread(lambda: ApiKey.objects.update(scopes=[Scope.TRADE]))

    assert await ending(by_header) == ("right_lost", 4401)
    assert await ending(by_ticket) == ("right_lost", 4401)
    await placing.send(order_text())
    assert "orderId" in await placing.frame()
    for socket in (by_header, by_ticket, placing):
        await socket.leave()


async def test_a_ticket_that_came_first_takes_no_right_from_the_key_it_was_made_for():
    ada = await in_thread(lambda: Account("ada"))
    async with open_socket(ada.ticket) as listening:
        await listening.frame()
        async with open_socket("", ada.headers) as socket:
            await socket.send(order_text())
            assert "wsUrl" in await socket.frame()


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


async def test_a_client_that_reads_nothing_is_closed_within_a_second_too():
    ada = await in_thread(lambda: Account("ada"))
    said: list[dict[str, Any]] = []
    came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    came.put_nowait({"type": "websocket.connect"})
    closed = asyncio.Event()

    async def tell(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()  # the connection takes nothing
        said.append(message)
        if message["type"] == "websocket.close":
            closed.set()

    scope = {
        "type": "websocket",
        "path": PATH,
        "query_string": ada.query[1:].encode(),
        "headers": ada.headers,
    }
    serving = asyncio.create_task(OrderConsumer()(scope, came.get, tell))
    async with asyncio.timeout(5):
        while not said:
            await asyncio.sleep(0.01)
        await in_thread(LOSSES["revoked"], ada)
        lost_at = time.monotonic()
        await closed.wait()
        took_s = time.monotonic() - lost_at
        came.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await serving

    assert took_s < WITHIN_S
    assert said[-1]["code"] == 4401


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
    holders = [
        *(Holder(user.pk, None) for user in users),
        *(Holder(ada.pk, key.pk) for key in (reads, revoked, late, foreign)),
    ]

    with django_assert_num_queries(1):
        found = read_rights(holders)

    both, read = frozenset(BOTH), frozenset([Scope.READ])
    assert found == {
        Holder(ada.pk, None): Principal(ada.pk, None, both, "session"),
        Holder(root.pk, None): Principal(root.pk, None, both, "session"),
        Holder(ada.pk, reads.pk): Principal(ada.pk, reads.pk, read, "key"),
        Holder(ada.pk, late.pk): Principal(ada.pk, late.pk, read, "key"),
    }
