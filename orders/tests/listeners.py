"""Users who listen to an order of theirs in every way there is, and how that ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from orders.access.keys import make_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import Principal
from orders.access.tickets import ticket_for

from .accounts import BOTH, make_user, socket_headers
from .clients import Socket
from .helpers import make_order


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
        asked = [(self.query, self.headers), (self.ticket, ()), ("", self.headers)]
        sockets = [Socket(query, headers) for query, headers in asked]
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
