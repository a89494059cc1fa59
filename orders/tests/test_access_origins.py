"""Sessions at the handshake, and from which pages they count: a table of origins."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from orders.access.keys import find_key
from orders.access.tickets import ticket_for
from orders.models import Order
from orders.threads import in_thread

from .accounts import (
    HOST,
    OWN,
    Headers,
    log_in,
    make_text,
    make_user,
    socket_headers,
)
from .clients import Socket, open_socket, order_text
from .helpers import make_order

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]

OPENS, FOREIGN, REFUSED = "opens", "foreign_origin", "refused before it is accepted"
# For each Origin what becomes of a socket with a session, and with anything else.
ORIGINS: dict[str, tuple[list[bytes], str, str]] = {
    "own": ([OWN], OPENS, OPENS),
    "trusted": ([b"https://dex.example"], OPENS, OPENS),
    "no header": ([], FOREIGN, OPENS),
    "other scheme": ([b"https://localhost:8000"], FOREIGN, OPENS),
    "upper case": ([b"http://LOCALHOST:8000"], FOREIGN, OPENS),
    "upper case scheme": ([b"HTTP://localhost:8000"], REFUSED, REFUSED),
    "null": ([b"null"], REFUSED, REFUSED),
    "empty": ([b""], REFUSED, REFUSED),
    "two headers": ([OWN, OWN], REFUSED, REFUSED),
    "two in one": ([OWN + b", " + OWN], REFUSED, REFUSED),
    "other port": ([b"http://localhost:9000"], REFUSED, REFUSED),
    "no port": ([b"http://localhost"], REFUSED, REFUSED),
    "other site": ([b"http://evil.example"], REFUSED, REFUSED),
    "suffix": ([b"http://localhost.evil.example:8000"], REFUSED, REFUSED),
    "suffix of the port": ([b"http://localhost:8000.evil.example"], REFUSED, REFUSED),
    "prefix": ([b"http://evil-localhost:8000"], REFUSED, REFUSED),
    "suffix of a trusted one": ([b"https://dex.example.evil"], REFUSED, REFUSED),
    "trusted, other scheme": ([b"http://dex.example"], REFUSED, REFUSED),
    "trusted, upper case": ([b"https://DEX.example"], REFUSED, REFUSED),
    "user": ([b"http://localhost:8000@evil.example"], REFUSED, REFUSED),
    "path": ([OWN + b"/"], REFUSED, REFUSED),
    "file": ([b"file://"], REFUSED, REFUSED),
}


@pytest.fixture(autouse=True)
def _another_site_is_trusted(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://dex.example"]


def session_of(user: User) -> Headers:
    return log_in(user)[1][-1:]


def proofs(user: User, order: Order) -> dict[str, tuple[str, Headers]]:
    """Return query and headers of each way to open the stream of an order."""
    query = f"?orderId={order.id}"
    text = make_text(user)
    principal = find_key(text)
    assert principal is not None
    ticket = ticket_for(order.id, principal)
    return {
        "key": (query, socket_headers(text)),
        "ticket": (f"{query}&ticket={ticket}", []),
        "session": (query, session_of(user)),
        "anonymous": (query, []),
    }


async def outcome(query: str, headers: Headers) -> str:
    """Return what becomes of a socket: OPENS, REFUSED or the code of its problem."""
    socket = Socket(query, [HOST, *headers])
    if not await socket.connect():
        await socket.leave()
        return REFUSED
    frame = await socket.frame()
    if "sequence" not in frame:
        assert await socket.close_code() == 4000 + frame["status"]
    await socket.leave()
    return OPENS if "sequence" in frame else str(frame["code"])


@pytest.mark.parametrize("proof", ["key", "session", "ticket", "anonymous"])
async def test_a_session_counts_from_pages_of_this_site_alone(settings, proof):
    settings.ALLOW_ANONYMOUS = proof == "anonymous"

    def make() -> tuple[str, Headers]:
        user = make_user("local", "trader")
        return proofs(user, make_order(owner=user))[proof]

    query, headers = await in_thread(make)
    found = {
        name: await outcome(query, headers + [(b"origin", value) for value in origins])
        for name, (origins, _, _) in ORIGINS.items()
    }

    assert found == {
        name: expected[0 if proof == "session" else 1]
        for name, (_, *expected) in ORIGINS.items()
    }


@pytest.mark.parametrize(
    ("origin", "expected"),
    [(b"https://localhost:8000", OPENS), (b"http://localhost:8000", FOREIGN)],
)
async def test_behind_a_proxy_that_ends_tls_pages_of_this_site_are_https(
    settings, origin, expected
):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ada = await in_thread(lambda: make_user("ada", "trader"))
    order = await in_thread(lambda: make_order(owner=ada))
    headers = [
        *await in_thread(session_of, ada),
        (b"x-forwarded-proto", b"https"),
        (b"origin", origin),
    ]

    assert await outcome(f"?orderId={order.id}", headers) == expected


async def browser_of(username: str, *groups: str) -> tuple[User, Headers]:
    """Make a user; return the headers that a page of this site sends for them."""
    user = await in_thread(lambda: make_user(username, *groups))
    return user, (await in_thread(log_in, user))[1]


async def test_a_session_places_orders_and_hears_its_own_and_nobody_elses():
    ada, headers = await browser_of("ada", "trader")
    foreign = await in_thread(lambda: make_order(owner=make_user("eve", "trader")))
    async with open_socket("", headers) as socket:
        await socket.send(order_text())
        placed = await socket.frame()
    order = await in_thread(lambda: Order.objects.get(id=placed["orderId"]))

    assert order.owner_id == ada.pk
    assert await outcome(f"?orderId={order.id}", headers[1:]) == OPENS
    assert await outcome(f"?orderId={foreign.id}", headers[1:]) == "order_not_found"


async def test_a_session_allows_what_the_groups_of_its_user_allow():
    _, viewer = await browser_of("ada", "viewer")
    _, nobody = await browser_of("eve")

    assert await outcome("", viewer[1:]) == "missing_scope"
    assert await outcome("", nobody[1:]) == "missing_scope"


@pytest.mark.parametrize("allows_anonymous", [False, True])
async def test_a_session_that_has_ended_proves_nothing(settings, allows_anonymous):
    settings.ALLOW_ANONYMOUS = allows_anonymous
    local, headers = await browser_of("local", "trader")
    order = await in_thread(lambda: make_order(owner=local))
    await in_thread(lambda: User.objects.update(password="another"))

    expected = OPENS if allows_anonymous else "authentication_required"
    assert await outcome(f"?orderId={order.id}", headers[1:]) == expected


async def test_a_key_or_a_ticket_counts_alone_whatever_cookie_comes_along():
    ada, browser = await browser_of("ada", "trader")
    order = await in_thread(lambda: make_order(owner=ada))
    query = f"?orderId={order.id}"
    bad: Any = [(b"authorization", b"Bearer dex_x")]

    assert await outcome(query, browser[1:] + bad) == "invalid_key"
    assert await outcome(f"{query}&ticket=x", browser[1:]) == "invalid_ticket"
    eves = socket_headers(
        await in_thread(lambda: make_text(make_user("eve", "trader")))
    )
    assert await outcome(query, browser[1:] + eves) == "order_not_found"
