"""What only a real server shows: a POST and an upgrade on one TCP connection."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from orders.models import Order, Status

from .clients import order_text
from .helpers import HAPPY_PATH, claim, make_owner, make_token, move
from .wire import HOST, Wire, answer, post, text_frame, upgrade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def port(django_db_setup) -> Iterator[int]:
    """Yield the port of a daphne that serves this run's database."""
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ordersite.web", "--verbosity", "0"),
            *("--fd", str(listening.fileno()), "orders.tests.web_process:application"),
        ],
        cwd=settings.BASE_DIR,
        env=os.environ | {"TEST_DATABASE": connection.settings_dict["NAME"]},
        pass_fds=[listening.fileno()],
    )
    listening.close()
    yield number
    process.terminate()
    process.wait(10)


@pytest.fixture
def wire(port, transactional_db) -> Iterator[Wire]:
    make_owner()
    make_token("A")
    make_token("B")
    wire = Wire(port)
    yield wire
    wire.close()


def carry_out(order_id: str) -> None:
    held = claim(Order.objects.get(id=order_id))
    for old, new in itertools.pairwise(HAPPY_PATH):
        move(held, Status(old), Status(new))


def test_a_post_and_then_its_socket_on_one_connection(wire):
    wire.send(post(order_text()))
    status, placed = answer(wire)
    wire.send(upgrade(f"?orderId={placed['orderId']}"))
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    first = wire.event()
    carry_out(placed["orderId"])
    rest = [wire.event() for _ in range(4)]

    assert status == 201
    assert [event["sequence"] for event in [first, *rest]] == [1, 2, 3, 4, 5]
    # The server closes with 1000 after the last event.
    assert wire.frame() == (8, (1000).to_bytes(2, "big"))


def test_two_posts_and_then_a_socket_for_orders_on_one_connection(wire):
    wire.send(post(order_text()))
    assert answer(wire)[0] == 201
    wire.send(post("[]"))
    assert answer(wire)[1]["code"] == "not_an_object"
    wire.send(upgrade())
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    wire.send(text_frame(order_text()))

    placed = wire.event()
    assert set(placed) == {"orderId", "wsUrl", "requestId"}
    assert wire.event()["orderId"] == placed["orderId"]


def test_a_post_and_an_upgrade_sent_together_are_answered_in_order(wire):
    wire.send(post(order_text()) + upgrade())

    assert answer(wire)[0] == 201
    assert wire.head().startswith(b"HTTP/1.1 101 ")


def test_a_chunked_body_is_read(wire):
    body = order_text().encode()
    wire.send(
        b"POST /api/orders/execute HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        + f"{len(body):x}\r\n".encode()
        + body
        + b"\r\n0\r\n\r\n"
    )

    assert answer(wire)[0] == 201


@pytest.mark.parametrize("origin", [b"null", b"http://evil.example"])
def test_a_foreign_page_gets_no_socket(wire, origin):
    wire.send(upgrade(headers=b"Origin: " + origin + b"\r\n"))

    assert wire.head().startswith(b"HTTP/1.1 403 ")


def test_a_malformed_order_id_gets_its_close_code(wire):
    wire.send(upgrade("?orderId=1"))
    assert wire.head().startswith(b"HTTP/1.1 101 ")

    assert wire.event()["code"] == "invalid_order_id"
    assert wire.frame() == (8, (4400).to_bytes(2, "big"))


def closed_with(wire: Wire) -> int:
    opcode, payload = wire.frame()
    assert opcode == 8, payload
    return int.from_bytes(payload[:2], "big")


def refused(wire: Wire, query: str) -> tuple[str, int]:
    """Open a socket; return the code of its error frame, and its close code."""
    wire.send(upgrade(query))
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    return wire.event()["code"], closed_with(wire)


def test_an_unknown_order_gets_its_close_code(wire):
    assert refused(wire, f"?orderId={uuid4()}") == ("order_not_found", 4404)


def test_an_order_whose_end_was_seen_is_closed_at_once(wire):
    wire.send(post(order_text()))
    order_id = answer(wire)[1]["orderId"]
    carry_out(order_id)

    wire.send(upgrade(f"?orderId={order_id}&after=5"))
    assert wire.head().startswith(b"HTTP/1.1 101 ")

    assert closed_with(wire) == 1000


def test_a_server_that_fails_says_so_by_its_close_code(wire):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orders_order RENAME TO away")
        try:
            assert refused(wire, f"?orderId={uuid4()}") == ("internal_error", 4500)
        finally:
            cursor.execute("ALTER TABLE away RENAME TO orders_order")


def test_a_database_that_is_away_is_told_by_the_close_code(wire):
    with no_new_connections():
        assert refused(wire, f"?orderId={uuid4()}") == ("database_unavailable", 4503)


@contextlib.contextmanager
def no_new_connections() -> Iterator[None]:
    """End every connection to the database of this test run, and allow no other."""
    there = connection.settings_dict
    name = str(there["NAME"])
    connection.close()
    with psycopg.connect(
        host=there["HOST"],
        port=there["PORT"],
        user=there["USER"],
        dbname="postgres",
        autocommit=True,
    ) as server:
        allow = 'ALTER DATABASE "{}" ALLOW_CONNECTIONS {}'
        server.execute(allow.format(name, "false"))
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s",
                [name],
            )
            yield
        finally:
            server.execute(allow.format(name, "true"))


def test_the_documents_list_the_close_codes_that_are_tested():
    text = (settings.BASE_DIR / "docs" / "websocket.md").read_text()
    table = text.partition("## Close codes")[2]
    rows = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    codes = {int(code) for row in rows for code in row.split(",")}

    # 1006 is no close frame; test_web_silent.py sees clients cut off. 4401 and 4403 are in
    # test_access_sockets.py, 1009 and 4429 in test_web_limits.py, 4408 is in
    # test_consumer_refusals.py: our own server cuts off first.
    assert codes == {
        *(1000, 1006, 1009),
        *(4400, 4401, 4403, 4404, 4408, 4429, 4500, 4503),
    }
