"""Users with groups and keys, and clients that act for them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from orders.access.keys import make_key
from orders.access.principal import Scope

from .clients import PAIR, order_text
from .helpers import make_owner

BOTH = (Scope.READ, Scope.TRADE)

Headers = list[tuple[bytes, bytes]]

HOST = (b"host", b"localhost:8000")
OWN = b"http://localhost:8000"


def make_user(username: str, *groups: str) -> User:
    user = make_owner(username)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def make_text(
    user: User, scopes: Iterable[Scope] = BOTH, expires_at: datetime | None = None
) -> str:
    """Make a key; return its text."""
    return make_key(user, "test", scopes, expires_at)[1]


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def keyed(text: str) -> Client:
    """Return a client that sends a key with each request."""
    return Client(raise_request_exception=False, headers=bearer(text))


def trader(username: str) -> Client:
    """Make a user who may read and trade; return a client with a key of theirs."""
    return keyed(make_text(make_user(username, "trader")))


def socket_headers(text: str) -> Headers:
    return [(b"authorization", f"Bearer {text}".encode())]


def log_in(user: User) -> tuple[Client, Headers]:
    """Log a user in; return the browser, and what its pages of this site send."""
    browser = Client()
    browser.force_login(user)
    cookie = f"theme=dark; sessionid={session_key(browser)}".encode()
    return browser, [HOST, (b"origin", OWN), (b"cookie", cookie)]


def session_key(browser: Client) -> str:
    return str(browser.cookies[settings.SESSION_COOKIE_NAME].value)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def ask(client: Client, method: str, path: str, **headers: str):
    if method == "get":
        return client.get(path, headers=headers)
    body = json.dumps(PAIR) if path == "/api/quotes" else order_text()
    return client.post(path, body, content_type="application/json", headers=headers)
