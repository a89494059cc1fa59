"""Limits of the real web process: floods, slow clients, and a thousand silent ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from orders.tests.clients import PATH, order_text
from orders.tests.helpers import make_owner, make_token
from orders.tests.limits import forget_counts
from orders.tests.wire import HOST, Wire, answer, upgrade
from ordersite.embedded.server import wait_until

from .web import SilentClient, WebProcess, two_web_processes, web_process

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
LIMIT = 64 * 1024
FRAMES_PER_S = 20
ARRIVAL_S = 1.0
STALL_S = 1.0
TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        SOCKET_FRAMES_PER_S=str(FRAMES_PER_S),
        REQUEST_ARRIVAL_S=str(ARRIVAL_S),
        SOCKET_STALL_S=str(STALL_S),
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _market(transactional_db: None) -> None:
    forget_counts()
    make_owner()
    make_token("A")
    make_token("B")


@contextmanager
def wires_to(web: WebProcess, count: int) -> Iterator[list[Wire]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Wire(web.port))) for _ in range(count)]


def opened(wire: Wire) -> Wire:
    wire.send(upgrade())
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    return wire


def frame(opcode: int, payload: bytes, *, last: bool = True, rsv: int = 0) -> bytes:
    """Return a frame of a client; a mask of zeros changes nothing."""
    size = (
        bytes([0x80 | len(payload)])
        if len(payload) < 126
        else b"\xfe" + len(payload).to_bytes(2, "big")
        if len(payload) < 65_536
        else b"\xff" + len(payload).to_bytes(8, "big")
    )
    return bytes([0x80 * last | rsv | opcode]) + size + bytes(4) + payload


def last_words(wire: Wire) -> tuple[str, int]:
    """Return the code of the error frame before the close frame, and the close code."""
    code = ""
    while (received := wire.frame())[0] != CLOSE:
        if received[0] == TEXT:
            code = json.loads(received[1]).get("code", "")
    return code, int.from_bytes(received[1][:2], "big")


def get(path: str, *lines: str) -> bytes:
    head = "\r\n".join([f"GET {path} HTTP/1.1", *lines])
    return head.encode() + b"\r\n" + HOST + b"\r\n"


def test_of_200_parallel_requests_to_two_processes_exactly_10_pass(tmp_path):
    with two_web_processes(tmp_path, RATE_LIMIT_REQUESTS="10") as (one, other):
        with wires_to(one, 200) as wires:
            assert wait_until(lambda: both_hold(one, other, 200), 20)
            began = time.monotonic()
            for wire in wires:
                wire.send(get("/api/tokens"))
            statuses = Counter(answer(wire)[0] for wire in wires)

        assert time.monotonic() - began < 6  # no token has come back
        assert statuses == {200: 10, 429: 190}


def both_hold(one: WebProcess, other: WebProcess, count: int) -> bool:
    """Say whether all clients are connected, a good part of them to each process."""
    held = [len(one.client_ports()), len(other.client_ports())]
    return sum(held) >= count and min(held) >= count // 4


def test_sockets_of_one_address_are_counted_over_two_processes(tmp_path):
    with (
        two_web_processes(tmp_path, SOCKETS_PER_ADDRESS="10") as (one, other),
        wires_to(one, 40) as wires,
    ):
        assert wait_until(lambda: both_hold(one, other, 40), 20)
        for wire in wires:
            opened(wire).send(frame(TEXT, b"[]"))
        told = Counter(wire.event()["code"] for wire in wires)

        assert told == {"not_an_object": 10, "too_many_sockets": 30}
        # Without one that says goodbye nobody else gets in; with one somebody does.
        wires[next_well(wires)].close()
        with wires_to(one, 1) as (again,):
            assert wait_until(lambda: gets_in(one), 5)
            again.close()


def next_well(wires: list[Wire]) -> int:
    """Return the number of a socket that was let in: it is still open."""
    for number, wire in enumerate(wires):
        wire.send(frame(TEXT, b"[]"))
        if wire.frame()[0] == TEXT:
            return number
    raise AssertionError("none is open")


def gets_in(web: WebProcess) -> bool:
    with wires_to(web, 1) as (wire,):
        opened(wire).send(frame(TEXT, b"[]"))
        return bool(wire.event()["code"] == "not_an_object")


def test_a_flood_of_handshakes_above_the_limit_costs_little_and_ends(tmp_path):
    with web_process(tmp_path, SOCKETS_PER_ADDRESS="1") as web:
        with wires_to(web, 1) as (first,):
            opened(first)
            before = web.resident_bytes()
            statuses: Counter[bytes] = Counter()
            with wires_to(web, 400) as wires:
                for wire in wires:
                    wire.send(upgrade())
                statuses.update(wire.head()[9:12] for wire in wires)
            grown = web.resident_bytes() - before

        assert statuses[b"101"] <= 100
        assert statuses[b"101"] + statuses[b"403"] == 400
        assert grown < 30 * MIB


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(lambda: frame(TEXT, b"[]") * 100, id="messages"),
        pytest.param(lambda: frame(PING, b"") * 100, id="pings"),
        pytest.param(lambda: frame(PING, b"x" * 125) * 100, id="pings with data"),
        pytest.param(
            lambda: frame(TEXT, b"", last=False) + frame(0, b"", last=False) * 100,
            id="fragments",
        ),
    ],
)
def test_frames_that_come_too_fast_close_the_socket_with_4429(
    web: WebProcess, flood: Callable[[], bytes]
):
    with wires_to(web, 1) as (wire,):
        opened(wire).send(flood())

        assert last_words(wire) == ("too_many_frames", 4429)
        assert wait_until(lambda: not is_taken(wire, flood()), 5)


def is_taken(wire: Wire, data: bytes) -> bool:
    try:
        wire.send(data)
    except ConnectionError:
        return False
    return True


def test_as_many_frames_as_may_come_are_answered(web: WebProcess):
    with wires_to(web, 1) as (wire,):
        opened(wire).send(frame(TEXT, b"[]") * (2 * FRAMES_PER_S))
        for _ in range(2 * FRAMES_PER_S):
            assert wire.event()["code"] == "not_an_object"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(frame(TEXT, b" " * (LIMIT + 1)), id="one frame"),
        pytest.param(frame(BINARY, b" " * (LIMIT + 1)), id="binary"),
        pytest.param(
            frame(TEXT, b" " * 40_000, last=False)
            + frame(0, b" " * 40_000, last=False),
            id="fragments",
        ),
        # Its head alone: 1 TiB is announced, and nothing of it comes.
        pytest.param(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4), id="head"),
    ],
)
def test_a_message_that_is_too_long_closes_the_socket_with_1009(web, sent):
    with wires_to(web, 1) as (wire,):
        opened(wire).send(sent)

        assert last_words(wire) == ("body_too_large", 1009)


def test_an_order_of_exactly_the_limit_is_placed(web):
    with wires_to(web, 1) as (wire,):
        opened(wire).send(frame(TEXT, order_text().ljust(LIMIT).encode()))

        assert set(wire.event()) == {"orderId", "wsUrl"}


def test_nothing_is_ever_inflated(web):
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    with wires_to(web, 1) as (wire,):
        wire.send(upgrade(headers=offer))
        assert b"permessage-deflate" not in wire.head()
        wire.send(frame(TEXT, b"\x00" * 100, rsv=0x40))
        with pytest.raises((AssertionError, ConnectionError)):
            wire.read_more()


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
        assert ARRIVAL_S * 0.9 < time.monotonic() - began < 3 * ARRIVAL_S


def test_drops_from_200_clients_hold_nobody_up(web):
    with wires_to(web, 200) as wires, wires_to(web, 1) as (other,):
        for wire in wires:
            wire.send(DRIPS["body"][0])
        other.send(get("/api/tokens"))

        assert answer(other)[0] == 200
        assert all(wire.head().startswith(b"HTTP/1.1 408 ") for wire in wires)


def test_a_connection_that_rests_between_two_requests_is_kept(web):
    with wires_to(web, 1) as (wire,):
        wire.send(get("/api/tokens"))
        assert answer(wire)[0] == 200
        assert not wire.waits(1.5 * ARRIVAL_S)  # the subject: a rest, not a wait
        wire.send(get("/api/tokens"))
        assert answer(wire)[0] == 200


def test_a_client_that_asks_and_never_reads_costs_little_and_is_cut_off(web):
    before = web.resident_bytes()
    client = SilentClient.of_requests(web)
    # The answers to so many would be 100 MiB.
    client.send_until_refused(get("/static/admin/css/base.css") * 500, 2 * MIB)
    grown = web.resident_bytes() - before
    client.wait_until_cut_off()
    client.close()

    assert grown < 12 * MIB
    assert "a client did not read for 1 s and was cut off" in web.log.read_text()


def test_a_thousand_silent_sockets_cost_less_than_50_mib(tmp_path):
    with web_process(tmp_path) as web:
        SilentClient(web).close()  # what the first one costs is not theirs
        before = web.resident_bytes()
        silent = [SilentClient(web) for _ in range(1_000)]
        grown = web.resident_bytes() - before

        assert grown < 50 * MIB
        assert gets_in(web)
        for client in silent:
            client.close()
    print(f"1,000 silent sockets: {grown / MIB:.1f} MiB")  # noqa: T201
