"""Clients that send drop by drop, nothing or what is no request, or never read answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from orders.tests.clients import PATH
from orders.tests.helpers import make_owner
from orders.tests.wire import HOST, Wire, answer, head_of, upgrade
from ordersite.embedded.server import wait_until

from .silent_client import SilentClient
from .test_headers import RAW
from .web import WebProcess, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
ARRIVAL_S = 0.5
PLACES = 210


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        REQUEST_ARRIVAL_S=str(ARRIVAL_S),
        CONNECTIONS_PER_ADDRESS=str(PLACES),
        SOCKET_STALL_S="1",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _owner(transactional_db: None) -> None:
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


DRIPS = {
    "request line": (b"GET /api/tok", b"e"),
    "headers": (b"GET /api/tokens HTTP/1.1\r\n" + HOST, b"X: y\r\n"),
    "body": (
        f"POST {PATH} HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 1000\r\n\r\n",
        b" ",
    ),
    "chunks": (
        f"POST {PATH} HTTP/1.1\r\n".encode()
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
    ),
}


@pytest.mark.parametrize("slow", DRIPS)
def test_a_request_that_comes_drop_by_drop_is_cut_off_with_408(web, slow):
    begin, drop = DRIPS[slow]
    with wires_to(web, 1) as (wire,):
        began = time.monotonic()
        wire.send(begin)
        while not wire.waits(0.1):
            wire.send(drop)

        assert told(wire)[:2] == (408, "request_timeout")
        assert time.monotonic() - began > ARRIVAL_S * 0.9


def test_drops_from_200_clients_hold_nobody_up(web):
    with wires_to(web, 200) as wires, wires_to(web, 1) as (other,):
        for wire in wires:
            wire.send(DRIPS["body"][0])
        other.send(head_of("GET", "/api/tokens"))

        assert answer(other)[0] == 200
        assert all(wire.head().startswith(b"HTTP/1.1 408 ") for wire in wires)


def test_a_connection_that_rests_between_two_requests_is_kept(web):
    with wires_to(web, 1) as (wire,):
        wire.send(head_of("GET", "/api/tokens"))
        assert answer(wire)[0] == 200
        assert not wire.waits(1.5 * ARRIVAL_S)  # the subject: a rest, not a wait
        wire.send(head_of("GET", "/api/tokens"))
        assert answer(wire)[0] == 200


def test_a_client_that_asks_and_never_reads_costs_little_and_is_cut_off(web):
    before = web.resident_bytes()
    client = SilentClient.of_requests(web)
    # The answers to so many would be 100 MiB.
    client.send_until_refused(
        head_of("GET", "/static/admin/css/base.css") * 500, 2 * MIB
    )
    grown = web.resident_bytes() - before
    client.wait_until_cut_off()
    client.close()

    assert grown < 12 * MIB
    assert "a client did not read for 1 s and was cut off" in web.log.read_text()


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
    headers = f"Cookie: sessionid=x\r\nX-Request-ID: mine\r\nOrigin: {origin}\r\n"
    with wires_to(web, 1) as (wire,):
        wire.send(upgrade(headers=headers.encode()))

        status, code, told_headers = told(wire)
        assert (status, code) == (403, "foreign_origin")
        assert told_headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("origin", ["", "Origin: http://evil.example\r\n"])
def test_a_handshake_to_a_foreign_host_is_refused_with_400(web, origin):
    asked = upgrade(headers=origin.encode()).replace(HOST, b"Host: evil.example\r\n")
    with wires_to(web, 1) as (wire,):
        wire.send(asked)

        assert told(wire)[:2] == (400, "foreign_host")
        assert ends(wire)


def test_a_connection_on_which_nothing_comes_is_closed_in_the_time_of_a_request(web):
    with wires_to(web, 1) as (wire,):
        assert not wire.waits(0.5 * ARRIVAL_S)  # the subject: a rest, not a wait
        assert ends(wire)


def test_connections_beyond_those_of_an_address_are_told_so_and_places_come_back(web):
    assert wait_until(lambda: not web.client_ports(), 5)  # those of the tests before
    with ExitStack() as held:
        for _ in range(PLACES):  # each asks before its request would be late
            wire = held.enter_context(closing(Wire(web.port)))
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
