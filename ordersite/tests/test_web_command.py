"""`manage.py web`: several processes on one listening socket, as in the container."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ordersite.embedded.server import wait_until

from .test_exclusive import free_port

TIMEOUT_S = 30.0


class WebCommand:
    """`manage.py web` with two processes, without any server behind it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "web.log"
        self._folder = folder
        self.start()

    def start(self) -> None:
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "web", "--port", str(self.port)],
                cwd=settings.BASE_DIR,
                env={**os.environ, "VAR_DIR": str(self._folder), "WEB_PROCESSES": "2"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        assert wait_until(self.listens, TIMEOUT_S)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)

    def says(self, text: str) -> bool:
        return wait_until(lambda: text in self.log.read_text(), TIMEOUT_S)

    def webs(self) -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process(self.process.pid).children()
            if "ordersite.web" in child.cmdline()
        ]

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def is_alive(self) -> bool:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            client.request("GET", "/healthz")
            return client.getresponse().status == 200
        finally:
            client.close()

    def held(self, count: int) -> list[int]:
        """Open so many connections at once; return how many each process has of them."""
        address = "127.0.0.1", self.port
        with contextlib.ExitStack() as clients:
            for _ in range(count):
                clients.enter_context(socket.create_connection(address))

            def shares() -> list[int]:
                return [
                    sum(bool(c.raddr) for c in web.net_connections())
                    for web in self.webs()
                ]

            assert wait_until(lambda: sum(shares()) == count, TIMEOUT_S)
            return sorted(shares())

    def answering(self) -> set[int]:
        """Return the processes that hold connections of clients right now."""
        clients = [http.client.HTTPConnection("127.0.0.1", self.port) for _ in range(4)]
        for client in clients:
            client.request("GET", "/healthz")
        for client in clients:
            assert client.getresponse().status == 200
        holders = {
            web.pid
            for web in self.webs()
            if any(c.raddr for c in web.net_connections())
        }
        for client in clients:
            client.close()
        return holders


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebCommand]:
    command = WebCommand(tmp_path_factory.mktemp("web"))
    yield command
    command.stop()


@pytest.fixture
def web(command: WebCommand) -> WebCommand:
    if command.process.returncode is not None:  # a test has stopped it
        command.start()
    return command


def test_two_processes_answer_and_one_that_dies_is_back_without_a_refusal(web):
    assert web.is_alive()  # it waits for the first that accepts
    assert wait_until(lambda: len(web.answering()) == 2, TIMEOUT_S)
    dead, _ = web.webs()
    dead.kill()
    for _ in range(50):
        assert web.is_alive()

    assert web.says("died; starts again in 1 s")
    assert web.says("started again")
    assert wait_until(lambda: len(web.answering()) == 2, TIMEOUT_S)
    assert dead.pid not in web.answering()


def test_connections_that_come_at_once_are_shared_out(web):
    assert wait_until(lambda: len(web.answering()) == 2, TIMEOUT_S)

    def are_shared_out() -> bool:
        fewer, more = web.held(40)
        assert fewer + more == 40
        return bool(fewer >= 15)

    # A process that the machine keeps from its turn for long is not waited for, so one
    # round may fail on a crowded machine. Without turns, none would pass.
    assert wait_until(are_shared_out, TIMEOUT_S)


def test_clients_wait_while_every_process_is_away_and_a_stop_ends_them_all(web):
    assert web.is_alive()
    for process in web.webs():
        process.kill()

    assert web.is_alive()

    assert wait_until(lambda: len(web.webs()) == 2, TIMEOUT_S)
    webs = web.webs()
    assert web.stop() == 0
    assert psutil.wait_procs(webs, timeout=1)[1] == []
    assert "does not stop" not in web.log.read_text()
    assert not web.listens()


def test_a_port_in_use_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"^Port {port} is in use.*$"):
            call_command("web", port=port)
