"""Limits of the real web process: floods, long messages, a thousand silent sockets."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from orders.tests.clients import order_text
from orders.tests.helpers import make_owner, make_token
from orders.tests.limits import forget_counts
from orders.tests.wire import Wire, answer, client_frame, head_of, upgrade
from ordersite.embedded.server import wait_until

from .silent_client import SilentClient
from .web import WebProcess, two_web_processes, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
LIMIT = 64 * 1024
FRAMES_PER_S = 20
SOCKETS = 10
TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        SOCKET_FRAMES_PER_S=str(FRAMES_PER_S),
        SOCKETS_PER_ADDRESS=str(SOCKETS),
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _market(transactional_db: None) -> None:
    forget_counts()
    make_owner()
    make_token("A")
    make_token("B")


def opened(wire: Wire) -> Wire:
    wire.send(upgrade())
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    return wire


def last_words(wire: Wire) -> tuple[str, int]:
    """Return the code of the error frame before the close frame, and the close code."""
    code = ""
    while (received := wire.frame())[0] != CLOSE:
        if received[0] == TEXT:
            code = json.loads(received[1]).get("code", "")
    return code, int.from_bytes(received[1][:2], "big")


def test_of_200_parallel_requests_to_two_processes_exactly_10_pass(tmp_path):
    limits = {"RATE_LIMIT_REQUESTS": "10", "TRUSTED_PROXIES": "1"}
    with (
        two_web_processes(tmp_path, **limits) as pair,
        wires_to_both(pair, 200) as wires,
    ):
        for wire in wires:  # each process has met Redis, and counts there
            wire.send(head_of("GET", "/api/tokens", "X-Forwarded-For: 192.0.2.2"))
            answer(wire)
        began = time.monotonic()
        for wire in wires:
            wire.send(head_of("GET", "/api/tokens", "X-Forwarded-For: 192.0.2.1"))
        statuses = Counter(answer(wire)[0] for wire in wires)

    assert time.monotonic() - began < 6  # no token has come back
    assert statuses == {200: 10, 429: 190}


@contextmanager
def wires_to_both(
    pair: tuple[WebProcess, WebProcess], count: int
) -> Iterator[list[Wire]]:
    """Open so many connections, a part of them to each process.

    On a crowded machine one of them may be late for its turn, and get too few.
    """
    for _ in range(10):
        with wires_to(pair[0], count) as wires:
            assert wait_until(lambda: sum(map(held_by, pair)) >= count, 20)
            if min(map(held_by, pair)) >= count // 10:
                yield wires
                return
        assert wait_until(lambda: hold_none(*pair), 20)
    raise AssertionError("one process gets too few connections")


def held_by(web: WebProcess) -> int:
    return len(web.client_ports())


def test_sockets_of_one_address_are_counted_over_two_processes(tmp_path):
    with (
        two_web_processes(tmp_path, SOCKETS_PER_ADDRESS="10") as pair,
        wires_to_both(pair, 40) as wires,
    ):
        for wire in wires:
            opened(wire).send(client_frame(TEXT, b"[]"))
        told = Counter(wire.event()["code"] for wire in wires)

        assert told == {"not_an_object": 10, "too_many_sockets": 30}
        # Without one that says goodbye nobody else gets in; with one somebody does.
        wires[next_well(wires)].close()
        assert wait_until(lambda: gets_in(pair[0]), 5)


def hold_none(*webs: WebProcess) -> bool:
    """Say whether all sockets are closed, so that they count for nobody else."""
    return not any(web.client_ports() for web in webs)


def next_well(wires: list[Wire]) -> int:
    """Return the number of a socket that was let in: it is still open."""
    for number, wire in enumerate(wires):
        wire.send(client_frame(TEXT, b"[]"))
        if wire.frame()[0] == TEXT:
            return number
    raise AssertionError("none is open")


def gets_in(web: WebProcess) -> bool:
    with wires_to(web, 1) as (wire,):
        opened(wire).send(client_frame(TEXT, b"[]"))
        return bool(wire.event()["code"] == "not_an_object")


def test_a_flood_of_handshakes_above_the_limit_costs_little_and_ends(web):
    with wires_to(web, SOCKETS) as first:
        for wire in first:
            opened(wire)
        before = web.resident_bytes()
        statuses: Counter[bytes] = Counter()
        with wires_to(web, 400) as wires:
            for wire in wires:
                wire.send(upgrade())
            statuses.update(wire.head()[9:12] for wire in wires)
        grown = web.resident_bytes() - before

    assert statuses[b"101"] <= 100
    assert statuses[b"101"] + statuses[b"429"] == 400
    assert grown < 30 * MIB
    assert wait_until(lambda: hold_none(web), 20)


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(lambda: client_frame(TEXT, b"[]") * 100, id="messages"),
        pytest.param(lambda: client_frame(PING, b"") * 100, id="pings"),
        pytest.param(
            lambda: client_frame(PING, b"x" * 125) * 100, id="pings with data"
        ),
        pytest.param(
            lambda: (
                client_frame(TEXT, b"", last=False)
                + client_frame(0, b"", last=False) * 100
            ),
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
        opened(wire).send(client_frame(TEXT, b"[]") * (2 * FRAMES_PER_S))
        for _ in range(2 * FRAMES_PER_S):
            assert wire.event()["code"] == "not_an_object"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(client_frame(TEXT, b" " * (LIMIT + 1)), id="one frame"),
        pytest.param(client_frame(BINARY, b" " * (LIMIT + 1)), id="binary"),
        pytest.param(
            client_frame(TEXT, b" " * 40_000, last=False)
            + client_frame(0, b" " * 40_000, last=False),
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
        opened(wire).send(client_frame(TEXT, order_text().ljust(LIMIT).encode()))

        assert set(wire.event()) == {"orderId", "wsUrl", "requestId"}


def test_nothing_is_ever_inflated(web):
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    with wires_to(web, 1) as (wire,):
        wire.send(upgrade(headers=offer))
        assert b"permessage-deflate" not in wire.head()
        wire.send(client_frame(TEXT, b"\x00" * 100, rsv=0x40))
        with pytest.raises((AssertionError, ConnectionError)):
            wire.read_more()


@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.prove)])
def test_a_thousand_silent_sockets_cost_less_than_50_mib(tmp_path, count):
    """And a part of them as small a part of it."""
    with web_process(tmp_path) as web:
        SilentClient(web).close()  # what the first one costs is not theirs
        before = web.resident_bytes()
        silent = [SilentClient(web) for _ in range(count)]
        grown = web.resident_bytes() - before

        assert grown < count / 1_000 * 50 * MIB
        assert gets_in(web)
        for client in silent:
            client.close()
    print(f"{count} silent sockets: {grown / MIB:.1f} MiB")  # noqa: T201
