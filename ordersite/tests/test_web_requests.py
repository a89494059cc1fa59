"""HTTP over a real web process: answers that are long or never end, and its stop."""

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

from orders.tests.clients import PATH, order_text
from orders.tests.wire import Wire, head_of
from ordersite.embedded.server import wait_until
from ordersite.handler import REQUESTS_AT_ONCE

from .web import TIMEOUT_S, WebProcess, ask, web_process, wires_to

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tokens"),
]

MIB = 1024 * 1024
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
