"""Rights that end while a socket is open: it hears why, and then nothing more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from orders.access.models import ApiKey
from orders.access.principal import Scope
from orders.consumers import OrderConsumer
from orders.models import Order, Status
from orders.recent import forget_all
from orders.threads import in_thread

from .accounts import log_in
from .clients import PATH, Socket, open_socket, order_text
from .helpers import claim, move
from .listeners import LOSSES, SESSION_LOSSES, Account, ending, opened

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]

WITHIN_S = 1.0

Loser = tuple[Account, Callable[[Account], Any]]


async def test_a_right_that_ends_closes_its_sockets_within_a_second_and_no_others():
    losers = [(await account_of(name), lose) for name, lose in LOSSES.items()]
    eve = await account_of("eve")
    sockets = [socket for one, _ in losers for socket in await one.follow()]
    others = await eve.follow()

    await assert_all_end(losers, sockets)

    await others[2].send(order_text())
    assert "wsUrl" in await others[2].frame()
    for socket in others[:2]:
        assert await socket.is_silent(0.01)
    await leave(sockets + others)


async def test_a_session_that_ends_closes_its_sockets_within_a_second_and_no_others():
    losses = SESSION_LOSSES | {"inactive": LOSSES["inactive"]}
    losers = [(await account_of(name), lose) for name, lose in losses.items()]
    eve = await account_of("eve")
    sockets = [socket for one, _ in losers for socket in await one.follow_in_browser()]
    logged_out, _ = losers[0]
    _, elsewhere = await in_thread(log_in, logged_out.user)
    others = await opened(logged_out.query, logged_out.ticket, elsewhere)
    others += await eve.follow_in_browser()
    await in_thread(LOSSES["revoked"], eve)  # a key is none of the session's

    await assert_all_end(losers, sockets)

    for socket in others:
        assert await socket.is_silent(0.01)
    forget_all()  # half a second later
    for one, _ in losers:
        async with open_socket(one.session_ticket) as late:
            assert await ending(late) == ("invalid_ticket", 4401)
    await leave(sockets + others)


async def account_of(username: str) -> Account:
    return await in_thread(lambda: Account(username))


async def assert_all_end(losers: list[Loser], sockets: list[Socket]) -> None:
    """Let all lose their rights at once: their sockets end, and soon."""

    def lose() -> None:
        for one, lose_right in losers:
            lose_right(one)

    await in_thread(lose)
    lost_at = time.monotonic()
    endings = await asyncio.gather(*map(ending, sockets))
    took_s = time.monotonic() - lost_at

    assert endings == [("right_lost", 4401)] * len(sockets)
    assert took_s < WITHIN_S


async def leave(sockets: list[Socket]) -> None:
    for socket in sockets:
        await socket.leave()


async def test_nothing_of_an_order_is_told_after_the_right_to_hear_it_was_lost():
    ada = await account_of("ada")
    async with open_socket(ada.query, ada.headers) as socket:
        await socket.frame()
        await in_thread(LOSSES["revoked"], ada)
        assert await ending(socket) == ("right_lost", 4401)

        held = await in_thread(claim, ada.order)
        await in_thread(move, held, Status.PENDING, Status.ROUTING)
        await socket.send(order_text())  # to no avail either
        assert await socket.is_silent(0.2)
    assert await in_thread(Order.objects.count) == 1


async def test_who_may_trade_no_more_goes_on_listening_and_is_refused_each_order():
    ada = await account_of("ada")
    viewer = await in_thread(lambda: Group.objects.get(name="viewer"))
    async with open_socket("", ada.headers) as socket:
        await socket.send(order_text())
        placed = await socket.frame()
        assert (await socket.frame())["status"] == "pending"
        await in_thread(ada.user.groups.set, [viewer])
        await hears_of_it(socket)

        await socket.send(order_text())
        refused = await socket.frame()
        order = await in_thread(lambda: Order.objects.get(id=placed["orderId"]))
        held = await in_thread(claim, order)
        await in_thread(move, held, Status.PENDING, Status.ROUTING)
        told = await socket.frame()

    assert (refused["status"], refused["code"]) == (403, "missing_scope")
    assert (told["orderId"], told["status"]) == (placed["orderId"], "routing")
    assert await in_thread(Order.objects.count) == 2


async def hears_of_it(socket: Socket) -> None:
    """Send what is no order until the socket is told that it may place none."""
    code = ""
    async with asyncio.timeout(WITHIN_S):
        while code != "missing_scope":
            await socket.send("{}")
            code = (await socket.frame())["code"]


async def test_who_may_read_no_more_follows_by_tickets_alone_and_goes_on_placing():
    ada = await account_of("ada")
    by_header, by_ticket, placing = await ada.follow()

    await in_thread(lambda: ApiKey.objects.update(scopes=[Scope.TRADE]))

    assert await ending(by_header) == ("right_lost", 4401)
    assert await by_ticket.is_silent(0.01)
    await placing.send(order_text())
    assert "orderId" in await placing.frame()
    for socket in (by_header, by_ticket, placing):
        await socket.leave()


async def test_a_ticket_that_came_first_takes_no_right_from_the_key_it_was_made_for():
    ada = await account_of("ada")
    async with open_socket(ada.ticket) as listening:
        await listening.frame()
        async with open_socket("", ada.headers) as socket:
            await socket.send(order_text())
            assert "wsUrl" in await socket.frame()


async def test_a_client_that_reads_nothing_is_closed_within_a_second_too():
    ada = await account_of("ada")
    said: list[dict[str, Any]] = []
    came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    came.put_nowait({"type": "websocket.connect"})
    is_full, closed = asyncio.Event(), asyncio.Event()

    async def tell(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            is_full.set()
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
        await is_full.wait()
        await in_thread(LOSSES["revoked"], ada)
        lost_at = time.monotonic()
        await closed.wait()
        took_s = time.monotonic() - lost_at
        came.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await serving

    assert took_s < WITHIN_S
    assert said[-1]["code"] == 4401
