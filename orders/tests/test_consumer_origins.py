"""Whose pages may open a socket, and under which host."""

from __future__ import annotations

import pytest

from .clients import Socket

pytestmark = pytest.mark.django_db(transaction=True)

ORIGINS = {
    "missing": ([], True),
    "same": ([(b"origin", b"http://localhost:8000")], True),
    "same, other letters": ([(b"origin", b"http://LOCALHOST:8000")], True),
    "https of a proxy": ([(b"origin", b"https://localhost:8000")], True),
    "other port": ([(b"origin", b"http://localhost:9000")], False),
    "other host": ([(b"origin", b"http://evil.example")], False),
    "suffix": ([(b"origin", b"http://localhost:8000.evil.example")], False),
    "user": ([(b"origin", b"http://localhost:8000@evil.example")], False),
    "path": ([(b"origin", b"http://localhost:8000/x")], False),
    "null": ([(b"origin", b"null")], False),
    "empty": ([(b"origin", b"")], False),
    "file": ([(b"origin", b"file://")], False),
    "broken": ([(b"origin", b"http://[")], False),
    "two": ([(b"origin", b"http://localhost:8000")] * 2, False),
}


@pytest.mark.parametrize(("origin", "accepted"), ORIGINS.values(), ids=ORIGINS)
async def test_only_pages_of_this_site_and_programs_may_connect(origin, accepted):
    socket = Socket("", [(b"host", b"localhost:8000"), *origin])

    assert await socket.connect() is accepted
    await socket.leave()


@pytest.mark.parametrize(
    ("host", "origin", "accepted"),
    [
        (b"evil.example", b"http://evil.example", False),  # a name that points here
        (b"evil.example", None, False),
        (b"localhost", b"http://localhost", True),
        (b"localhost", b"http://localhost:80", True),
        (b"localhost:443", b"https://localhost", True),
        (b"[::1]:8000", b"http://[::1]:8000", True),
        (b"localhost:8000", b"https://dex.example", True),  # a trusted origin
    ],
)
async def test_the_host_of_a_socket_must_be_ours(host, origin, accepted, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://dex.example"]
    headers = [(b"host", host)] + ([(b"origin", origin)] if origin else [])
    socket = Socket("", headers)

    assert await socket.connect() is accepted
    await socket.leave()
