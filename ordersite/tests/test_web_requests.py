"""HTTP over a real web process: bodies, answers that are long or never end, and its stop."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from dex.models import Token
from orders.models import Order
from orders.tests.clients import PATH, order_text
from orders.tests.helpers import make_owner, make_token
from orders.tests.wire import Wire, answer, head_of, post, upgrade
from ordersite.embedded.server import wait_until
from ordersite.handler import REQUESTS_AT_ONCE

from .web import TIMEOUT_S, WebProcess, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
LIMIT = settings.MAX_BODY_BYTES
STALL_S = 1.0
FILE = bytes(range(256)) * 8 * 1024  # 2 MiB


class Gate:
    """Where views of the web process wait for this test."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.address)
        self._server.listen(64)
        self._server.settimeout(TIMEOUT_S)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait until a view has come, and let it go on at the end of the block."""
        view, _ = self._server.accept()
        with view:
            yield

    def close(self) -> None:
        self._server.close()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    gate = Gate(tmp_path_factory.mktemp("gate") / "gate")
    yield gate
    gate.close()


def odd_web(folder: Path, gate: Gate) -> Any:
    (folder / "file.bin").write_bytes(FILE)
    return web_process(
        folder,
        GATE=gate.address,
        ODD_FILE=str(folder / "file.bin"),
        SOCKET_STALL_S=str(STALL_S),
    )


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, gate: Gate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with odd_web(tmp_path_factory.mktemp("web"), gate) as running:
        yield running


@pytest.fixture(autouse=True)
def tokens(transactional_db: None) -> None:
    make_owner()
    make_token("A")
    make_token("B")


@pytest.fixture
def wire(web: WebProcess) -> Iterator[Wire]:
    wire = Wire(web.port)
    yield wire
    wire.close()


def ask(
    web: WebProcess,
    method: str,
    path: str,
    body: bytes | str | None = None,
    **head: str,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    client = http.client.HTTPConnection("localhost", web.port, timeout=TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json"} | head
        client.request(method, path, body, headers)
        found = client.getresponse()
        return found.status, found.headers, found.read()
    finally:
        client.close()


JSON = "Content-Type: application/json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_body_of_exactly_the_limit_is_read(web):
    status, _, _ = ask(web, "POST", PATH, order_text().ljust(LIMIT))

    assert status == 201


def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_sent(wire):
    wire.send(head_of("POST", PATH, JSON, f"Content-Length: {LIMIT + 1}"))

    status, problem = answer(wire)
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long(wire):
    wire.send(head_of("POST", PATH, JSON, "Transfer-Encoding: chunked"))
    wire.send(f"{LIMIT + 1:x}\r\n".encode() + b" " * (LIMIT + 1))  # and no end

    status, problem = answer(wire)
    assert (status, problem["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("size", [LIMIT + 1, 8 * MIB])
def test_a_client_that_sends_all_of_a_body_too_long_still_reads_why(web, size):
    status, headers, body = ask(web, "POST", PATH, b" " * size)

    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert headers["Connection"] == "close"
    assert headers["X-Request-ID"]


def test_a_form_of_the_admin_that_is_too_long_is_refused(web):
    status, _, _ = ask(
        web,
        "POST",
        "/admin/login/",
        b"x" * (LIMIT + 1),
        Cookie="csrftoken=" + "a" * 32,
        **FORM,
    )

    assert status == 400


def test_a_client_that_asks_first_is_told_to_go_on(wire):
    body = order_text().encode()
    expect = ("Expect: 100-continue", f"Content-Length: {len(body)}")
    wire.send(head_of("POST", PATH, JSON, *expect))
    assert wire.head().startswith(b"HTTP/1.1 100 ")
    wire.send(body)

    assert answer(wire)[0] == 201


def test_a_client_that_asks_first_is_told_at_once_that_its_body_is_too_long(wire):
    expect = ("Expect: 100-continue", f"Content-Length: {LIMIT + 1}")
    wire.send(head_of("POST", PATH, JSON, *expect))

    assert answer(wire)[0] == 413


def test_bodies_that_come_slowly_hold_nobody_up(web):
    body = order_text().encode()
    with wires_to(web, 3 * REQUESTS_AT_ONCE) as slow:
        for wire in slow:
            wire.send(head_of("POST", PATH, JSON, f"Content-Length: {len(body)}"))
            wire.send(body[:10])
        assert ask(web, "POST", PATH, body)[0] == 201

        for wire in slow:
            wire.send(body[10:])
        assert {answer(wire)[0] for wire in slow} == {201}


def test_a_client_that_leaves_within_its_body_places_no_order(web):
    body = order_text().encode()
    for _ in range(3 * REQUESTS_AT_ONCE):
        wire = Wire(web.port)
        wire.send(head_of("POST", PATH, JSON, f"Content-Length: {len(body) + 1}"))
        wire.send(body)
        wire.close()

    assert ask(web, "POST", PATH, body)[0] == 201
    assert Order.objects.count() == 1


def test_clients_that_leave_before_their_answer_keep_no_thread(web, gate):
    for _ in range(2 * REQUESTS_AT_ONCE):
        wire = Wire(web.port)
        wire.send(head_of("GET", "/odd/wait"))
        with gate.held():
            wire.close()

    assert ask(web, "POST", PATH, order_text())[0] == 201


def test_requests_beyond_the_threads_wait_in_line_and_are_all_answered(web, gate):
    with wires_to(web, REQUESTS_AT_ONCE + 5) as wires:
        for wire in wires:
            wire.send(head_of("GET", "/odd/wait"))
        for _ in wires:
            with gate.held():
                pass

        assert all(b" 200 " in wire.head() for wire in wires)


def test_a_streamed_answer_arrives_as_it_is_made(wire, gate):
    wire.send(head_of("GET", "/odd/stream"))
    assert b"transfer-encoding: chunked" in wire.head().lower()
    with gate.held():
        assert wire.read(10) == b"5\r\nfirst\r\n"

    assert wire.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_an_answer_without_end_costs_little_and_is_cut_off_unread(web):
    ask(web, "GET", "/healthz")
    before = web.resident_bytes()
    # More than there are threads: none of them waits for its client.
    with wires_to(web, 2 * REQUESTS_AT_ONCE) as readers:
        for reader in readers:
            reader.send(head_of("GET", "/odd/endless"))
            reader.read(65_536)
        assert ask(web, "POST", PATH, order_text())[0] == 201
        assert web.resident_bytes() - before < 24 * MIB

        assert wait_until(lambda: not web.client_ports(), 10 * STALL_S)
    assert "did not read for 1 s and was cut off" in web.log.read_text()


def test_a_client_that_leaves_an_answer_without_end_stops_it(web):
    for _ in range(2 * REQUESTS_AT_ONCE):
        reader = Wire(web.port)
        reader.send(head_of("GET", "/odd/endless"))
        reader.read(1_000_000)
        reader.close()

    assert ask(web, "POST", PATH, order_text())[0] == 201
    assert wait_until(lambda: not web.client_ports(), 10)


def test_a_file_arrives_whole(web):
    status, headers, body = ask(web, "GET", "/odd/file")

    assert (status, headers["Content-Length"]) == (200, str(len(FILE)))
    assert body == FILE


@pytest.mark.parametrize("path", ["/static/admin/css/base.css", "/healthz"])
def test_head_says_how_long_the_answer_to_get_is(web, path):
    status, headers, body = ask(web, "HEAD", path)

    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str(len(ask(web, "GET", path)[2]))


def test_an_exception_in_a_view_is_a_500_and_below_api_a_problem(web):
    status, _, page = ask(web, "GET", "/odd/broken")
    api_status, _, problem = ask(web, "GET", "/api/odd/broken")

    assert (status, api_status) == (500, 500)
    assert b"<h1>" in page
    assert json.loads(problem)["code"] == "internal_error"


def test_an_answer_that_breaks_half_way_is_cut_off_and_the_next_is_served(web):
    for _ in range(2):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            ask(web, "GET", "/odd/half")

    assert ask(web, "GET", "/healthz")[0] == 200


def test_an_operator_logs_in_and_renames_a_token(web):
    # As the web process hashes it; this one has a quicker way.
    stored = PBKDF2PasswordHasher().encode("secret", "salt", iterations=1)
    get_user_model().objects.create(
        username="operator", password=stored, is_staff=True, is_superuser=True
    )
    token = Token.objects.get(symbol="A")
    _, page, _ = ask(web, "GET", "/admin/login/")
    csrf = page["Set-Cookie"].split("csrftoken=")[1].split(";")[0]
    login = f"username=operator&password=secret&csrfmiddlewaretoken={csrf}"
    status, page, _ = ask(
        web, "POST", "/admin/login/", login, Cookie=f"csrftoken={csrf}", **FORM
    )
    assert status == 302
    cookies = dict(
        cookie.split(";")[0].split("=", 1) for cookie in page.get_all("Set-Cookie", [])
    )
    csrf = cookies["csrftoken"]
    change = f"symbol=A&name=Renamed&enabled=on&csrfmiddlewaretoken={csrf}"
    status, _, body = ask(
        web,
        "POST",
        f"/admin/dex/token/{token.id}/change/",
        change,
        Cookie="; ".join(f"{name}={value}" for name, value in cookies.items()),
        **FORM,
    )

    assert status == 302, body
    token.refresh_from_db()
    assert token.name == "Renamed"


def test_a_post_and_then_its_socket_on_one_connection(wire):
    wire.send(post(order_text()))
    status, placed = answer(wire)
    wire.send(upgrade(f"?orderId={placed['orderId']}"))

    assert status == 201
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    assert wire.event()["sequence"] == 1


def connections_of_web() -> int:
    """End every connection to the database but this one; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def at_once(web: WebProcess, count: int) -> set[int]:
    with wires_to(web, count) as wires:
        for wire in wires:
            wire.send(post(order_text()))
        return {answer(wire)[0] for wire in wires}


def test_connections_are_kept_and_a_restarted_database_is_met_with_new_ones_at_once(
    web,
):
    assert at_once(web, 40) == {201}
    # As a restart does to them; the last is the hub's.
    assert 1 <= connections_of_web() <= REQUESTS_AT_ONCE + 1

    assert at_once(web, 40) == {201}


def test_a_process_asked_to_stop_ends_its_requests_first(tmp_path, gate):
    with odd_web(tmp_path, gate) as web, wires_to(web, 4) as (idle, *wires):
        for wire in wires:
            wire.send(head_of("GET", "/odd/wait"))
        with gate.held(), gate.held(), gate.held():
            web.ask_to_stop()
            assert wait_until(lambda: "stopping: 3 req" in web.log.read_text(), 10)
        began = time.monotonic()
        for wire in wires:
            assert b"Connection: close" in wire.head()
            assert wire.read(6) == b"waited"
        assert web.process is not None
        assert web.process.wait(TIMEOUT_S) == 0
        assert time.monotonic() - began < 5
        with pytest.raises(AssertionError, match="closed the connection"):
            idle.read(1)
