"""What a request is for: the forms of its first line, and its Host header."""

from __future__ import annotations

import pytest

from orders.tests.clients import PATH, order_text
from orders.tests.wire import Wire, answer, head_of, text_frame, upgrade

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tokens"),
]

ALIVE = {"status": "ok"}


@pytest.mark.parametrize(
    ("version", "hosts", "count"),
    [
        ("1.1", "", 0),
        ("1.1", "Host: localhost\r\n" * 2, 2),
        ("1.0", "Host: a\r\n" * 2, 2),
    ],
    ids=["none", "two", "two of HTTP/1.0"],
)
def test_a_request_without_exactly_one_host_is_refused(
    wire: Wire, version: str, hosts: str, count: int
):
    head = f"GET /healthz?x=1 HTTP/{version}\r\n{hosts}X-Request-ID: mine-1\r\n\r\n"
    wire.send(head.encode())

    assert answer(wire) == (
        400,
        {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": f"The request has {count} Host headers. Send exactly one, with the "
            "name of this site.",
            "instance": "/healthz",
            "code": "bad_request",
            "requestId": "mine-1",
        },
    )
    with pytest.raises(AssertionError, match="closed the connection"):
        wire.read(1)


def test_an_order_without_a_host_is_not_placed(wire: Wire, tokens: None):
    body = order_text()
    head = f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\n"
    wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    assert answer(wire)[0] == 400
    with pytest.raises(AssertionError, match="closed the connection"):
        wire.read(1)


def test_http_1_0_needs_no_host(wire: Wire):
    wire.send(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert answer(wire) == (200, ALIVE)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/healthz", 200),
        ("HTTPS://localhost:8000/healthz?x=http://other/", 200),
        ("http://localhost", 302),
        ("http://localhost?x=1", 302),
    ],
)
def test_a_whole_address_is_served_as_its_path_is(wire: Wire, target: str, status: int):
    wire.send(head_of("GET", target))

    assert wire.head().startswith(f"HTTP/1.1 {status} ".encode())


def test_the_host_of_a_whole_address_counts_and_not_the_header(wire: Wire):
    wire.send(head_of("GET", "http://evil.example/api/orders"))
    status, problem = answer(wire)
    assert (status, problem["code"]) == (400, "foreign_host")

    wire.send(b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert answer(wire) == (200, ALIVE)


def test_a_socket_opens_by_a_whole_address(wire: Wire):
    wire.send(upgrade().replace(b"GET /", b"GET http://localhost/"))
    assert wire.head().startswith(b"HTTP/1.1 101 ")

    wire.send(text_frame(order_text()))
    assert wire.event()["wsUrl"].startswith(f"ws://localhost{PATH}?orderId=")
