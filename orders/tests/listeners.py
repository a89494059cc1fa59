"""Users who listen to an order of theirs in every way there is, and how that ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from orders.access.holders import name_of_session
from orders.access.keys import make_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import Principal
from orders.access.tickets import ticket_for

from .accounts import (
    BOTH,
    Headers,
    log_in,
    make_user,
    session_key,
    socket_headers,
)
from .clients import Socket
from .helpers import make_order


class Account:
    """A trader with a key, a session and an open order, and the ways to listen to it."""

    def __init__(self, username: str) -> None:
        self.user = make_user(username, "trader")
        self.key, text = make_key(self.user, "test", BOTH)
        self.headers = socket_headers(text)
        self.order = make_order(owner=self.user)
        self.query = f"?orderId={self.order.id}"
        self.ticket = self.query + self._ticket("key", self.key.pk)
        self.browser, self.page = log_in(self.user)
        self.session_ticket = self.query + self._ticket(
            "session", None, name_of_session(session_key(self.browser))
        )

    def _ticket(self, means: Any, *proof: Any) -> str:
        key_id, *session = proof
        principal = Principal(self.user.pk, key_id, frozenset(BOTH), means, *session)
        return f"&ticket={ticket_for(self.order.id, principal)}"

    async def follow(self) -> list[Socket]:
        """Open a socket by each proof of the key: two that follow, one that places."""
        return await opened(self.query, self.ticket, self.headers)

    async def follow_in_browser(self) -> list[Socket]:
        """As follow(), with the session."""
        return await opened(self.query, self.session_ticket, self.page)


async def opened(query: str, ticket: str, headers: Headers) -> list[Socket]:
    asked: list[tuple[str, Headers]] = [(query, headers), (ticket, []), ("", headers)]
    sockets = [Socket(*one) for one in asked]
    for socket in sockets:
        assert await socket.connect()
    for socket in sockets[:2]:
        assert (await socket.frame())["sequence"] == 1
    return sockets


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


def change_password(one: Account) -> None:
    one.user.set_password("another")
    one.user.save()


def expire_session(one: Account) -> None:
    sessions = Session.objects.filter(session_key=session_key(one.browser))
    sessions.update(expire_date=timezone.now())


SESSION_LOSSES: dict[str, Callable[[Account], Any]] = {
    "logged out": lambda one: one.browser.logout(),
    "password changed": change_password,
    "session expired": expire_session,
}
