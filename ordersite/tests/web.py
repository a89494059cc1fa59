"""The real web process on the tests' database, and clients that speak to it in bytes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection

from orders.access import open_sockets
from orders.shared_memory import make_memory
from orders.tests.wire import Wire
from ordersite import tally
from ordersite.embedded.server import wait_until

PATH = "/api/orders/execute"
TIMEOUT_S = 30.0  # only ever reached by a test that fails


class WebProcess:
    """A web process that can be killed and started again at the same address.

    The listening socket belongs to the test, so that clients wait instead of being
    refused while the process is away.
    """

    def __init__(
        self,
        log: Path,
        *options: str,
        listening: socket.socket | None = None,
        descriptors: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._options = options
        self._environment = dict(environment or {})
        self._descriptors = descriptors
        self._listening = listening or socket.create_server(
            ("127.0.0.1", 0), backlog=512
        )
        self.port: int = self._listening.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{PATH}"

    def start(self) -> None:
        number = self._listening.fileno()
        database = str(connection.settings_dict["NAME"])
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ordersite.web", "--verbosity", "0"),
                    *("--fd", str(number), "--ping-interval", "20"),
                    *self._options,
                    "ordersite.tests.web_application:application",
                ],
                cwd=settings.BASE_DIR,
                env=os.environ | {"TEST_DATABASE": database} | self._environment,
                pass_fds=[number, *self._descriptors],
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None:
            self._end(signal.SIGTERM)
        self._listening.close()

    def resident_bytes(self) -> int:
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def ask_to_stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def client_ports(self) -> set[int]:
        """Return the ports of the clients whose connections the process holds."""
        assert self.process is not None
        held = psutil.Process(self.process.pid).net_connections("tcp")
        return {found.raddr.port for found in held if found.raddr}

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(TIMEOUT_S)
        self.process = None


@contextmanager
def web_process(
    folder: Path, *options: str, **environment: str
) -> Iterator[WebProcess]:
    web = WebProcess(folder / "web.log", *options, environment=environment)
    web.start()
    try:
        yield web
    finally:
        web.stop()


@contextmanager
def two_web_processes(
    folder: Path, **environment: str
) -> Iterator[tuple[WebProcess, WebProcess]]:
    """Run two that accept from one socket and share what such processes share."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        connections = make_memory(2, tally.BYTES_EACH)
        sockets = make_memory(2, open_sockets.BYTES_EACH)
        one, other = (
            WebProcess(
                folder / f"web{place}.log",
                listening=listening,
                descriptors=[connections, sockets],
                environment={
                    **environment,
                    tally.VARIABLE: f"{connections}:{place}",
                    open_sockets.VARIABLE: f"{sockets}:{place}",
                },
            )
            for place in range(2)
        )
        one.start()
        other.start()
        try:
            wait_until_both_accept(one, other)
            yield one, other
        finally:
            one.stop()
            other.stop()
            os.close(connections)
            os.close(sockets)


def wait_until_both_accept(one: WebProcess, other: WebProcess) -> None:
    """Connect until either process holds a connection, then let go of them all."""
    give_up_at = time.monotonic() + TIMEOUT_S
    with ExitStack() as probes:
        while not (one.client_ports() and other.client_ports()):
            assert time.monotonic() < give_up_at, "one of two web processes is away"
            probes.enter_context(socket.create_connection(("127.0.0.1", one.port)))
            time.sleep(0.1)
    assert wait_until(lambda: not (one.client_ports() or other.client_ports()), 5)


@contextmanager
def wires_to(web: WebProcess, count: int) -> Iterator[list[Wire]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Wire(web.port))) for _ in range(count)]


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
