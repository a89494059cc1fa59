"""Clients that send drop by drop, or never read their answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from orders.tests.clients import PATH
from orders.tests.helpers import make_owner
from orders.tests.wire import HOST, answer, head_of

from .web import SilentClient, WebProcess, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
ARRIVAL_S = 0.5


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        REQUEST_ARRIVAL_S=str(ARRIVAL_S),
        SOCKET_STALL_S="1",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _owner(transactional_db: None) -> None:
    make_owner()


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

        assert wire.head().startswith(b"HTTP/1.1 408 ")
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
