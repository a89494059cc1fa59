"""What the web process answers before anything of the site sees it, and whom it lets wait."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orders.tests.helpers import make_owner
from orders.tests.limits import forget_counts
from orders.tests.wire import HOST, Wire, head_of, upgrade
from ordersite.embedded.server import wait_until

from .test_headers import RAW
from .web import WebProcess, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

ARRIVAL_S = 0.5
PLACES = 20


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        REQUEST_ARRIVAL_S=str(ARRIVAL_S),
        CONNECTIONS_PER_ADDRESS=str(PLACES),
        SOCKETS_PER_ADDRESS="5",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _owner(transactional_db: None) -> None:
    forget_counts()
    make_owner()


def told(wire: Wire) -> tuple[int, str, dict[str, str]]:
    """Return status, code and headers of an answer that is a problem."""
    first, *lines = wire.head().decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers = {name.title(): value for name, value in headers.items()}
    body = json.loads(wire.read(int(headers["Content-Length"])))
    assert body["requestId"] == headers["X-Request-Id"]
    assert headers.items() >= {n.title(): v for n, v in RAW.items()}.items()
    assert headers["Content-Type"] == "application/problem+json"
    assert "Server" not in headers
    return int(first.split(" ")[1]), body["code"], headers


def ends(wire: Wire) -> bool:
    """Say whether the server says no more, and ends the connection soon."""
    with pytest.raises((AssertionError, ConnectionError)):
        wire.read_more()
    return True


GET = b"GET /api/tokens HTTP/1.1\r\n"
BROKEN = {
    "no request line": (b"rubbish\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "a header without a colon": (GET + b"rubbish\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "no name of a header": (GET + b"b(d: x\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "a length that is none": (GET + b"Content-Length: x\r\nA: b\r\n\r\n", 400, "bad_request"),
    "no such path": ("GET /ö HTTP/1.1\r\n\r\n".encode(), 400, "bad_request"),
    "no chunk": (
        b"POST /api/orders/execute HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\nrubbish\r\n",
        *(400, "bad_request"),
    ),
    "a long address": (b"GET /" + b"x" * 17_000, 431, "headers_too_large"),
    "a long header": (GET + b"X: " + b"x" * 17_000, 431, "headers_too_large"),
    "long headers": (GET + b"X: " + b"x" * 9_000 + b"\r\n" + b"Y: " + b"y" * 9_000 + b"\r\n", 431, "headers_too_large"),
    "many headers": (GET + b"X: y\r\n" * 600 + b"\r\n", 431, "headers_too_large"),
    "no version of a handshake": (
        upgrade().replace(b"Sec-WebSocket-Version: 13\r\n", b""),
        *(400, "bad_request"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_request_is_told_so(web, broken):
    sent, status, code = BROKEN[broken]
    with wires_to(web, 1) as (wire,):
        wire.send(sent)

        assert told(wire)[:2] == (status, code)


def test_a_connection_ends_behind_such_an_answer(web):
    with wires_to(web, 1) as (wire,):
        wire.send(BROKEN["many headers"][0] + head_of("GET", "/healthz"))

        assert told(wire)[0] == 431
        assert ends(wire)


@pytest.mark.parametrize(
    "origin",
    [
        "https://localhost.evil.test",
        "http://localhost:8000.evil.test",
        "http://localhost:99999",
        "http://[",
        "rubbish",
        "null",
        "http://localhost, http://localhost",
    ],
)
def test_a_handshake_of_any_foreign_origin_is_refused_with_403(web, origin):
    cookie = b"Cookie: sessionid=x\r\n"
    with wires_to(web, 1) as (wire,):
        wire.send(upgrade(headers=cookie + f"Origin: {origin}\r\n".encode()))

        assert told(wire)[:2] == (403, "foreign_origin")


def test_a_connection_on_which_nothing_comes_is_closed_in_the_time_of_a_request(web):
    with wires_to(web, 1) as (wire,):
        assert not wire.waits(0.5 * ARRIVAL_S)  # the subject: a rest, not a wait
        assert ends(wire)


def test_a_slow_request_is_told_408_with_the_headers_of_every_answer(web):
    with wires_to(web, 1) as (wire,):
        wire.send(GET)

        assert told(wire)[:2] == (408, "request_timeout")


def test_connections_beyond_those_of_an_address_are_told_so_and_places_come_back(web):
    with wires_to(web, PLACES) as held:
        for wire in held:
            wire.send(head_of("GET", "/healthz"))
            assert wire.head().startswith(b"HTTP/1.1 200 ")
        with wires_to(web, 1) as (wire,):
            status, code, headers = told(wire)
            assert (status, code) == (429, "too_many_connections")
            assert headers["Retry-After"] == "1"
    assert wait_until(lambda: status_of_next(web) == b"200", 5)


def status_of_next(web: WebProcess) -> bytes:
    with wires_to(web, 1) as (wire,):
        wire.send(head_of("GET", "/healthz"))
        return wire.head()[9:12]
