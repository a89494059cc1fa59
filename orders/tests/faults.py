"""Servers that fail on purpose: a silent one, a frozen one, a road that breaks."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Yield the port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    """Stop a server with all its children, as a host does that swaps itself to death."""
    process.suspend()  # first, so that it starts no more children
    family = [process, *process.children(recursive=True)]
    try:
        for member in family[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.suspend()
        yield
    finally:
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.resume()


@contextlib.contextmanager
def frozen_database() -> Iterator[None]:
    """Freeze the PostgreSQL of this test run."""
    pid_file = settings.EMBEDDED.var_dir / "postgres" / "postmaster.pid"
    with frozen(psutil.Process(int(pid_file.read_text().split("\n")[0]))):
        yield


@contextlib.contextmanager
def database_at(directory: str) -> Iterator[None]:
    """Have this thread's connection look for PostgreSQL's socket in `directory`."""
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = directory
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["HOST"] = host


@contextlib.contextmanager
def no_database() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as empty, database_at(empty):
        yield


class Road:
    """A proxy to PostgreSQL that breaks a connection at its COMMIT number `at`.

    `deliver` says whether that COMMIT still reaches the server; `open_again` whether new
    connections get through afterwards.
    """

    def __init__(
        self, upstream: Path, *, deliver: bool, open_again: bool, at: int = 1
    ) -> None:
        self.broken = False
        self._commits_left = at
        self._upstream = upstream
        self._deliver = deliver
        self._open_again = open_again

    def serve(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed at the end of the test
            while True:
                client, _ = server.accept()
                if self.broken and not self._open_again:
                    client.close()
                    continue
                threading.Thread(target=self._carry, args=(client,)).start()

    def _carry(self, client: socket.socket) -> None:
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(self._upstream))
        cut, answered = threading.Event(), threading.Event()
        back = threading.Thread(
            target=_pump_back, args=(upstream, client, cut, answered)
        )
        back.start()
        with client, upstream, contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if self._breaks_at(data):
                    self.broken = True
                    cut.set()
                    if self._deliver:
                        upstream.sendall(data)
                        answered.wait(10)  # so that it is committed for sure
                    client.shutdown(socket.SHUT_RDWR)
                    break
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def _breaks_at(self, data: bytes) -> bool:
        self._commits_left -= b"COMMIT" in data
        return self._commits_left == 0 and not self.broken


def _pump_back(
    server: socket.socket,
    client: socket.socket,
    cut: threading.Event,
    answered: threading.Event,
) -> None:
    with contextlib.suppress(OSError):
        while (data := server.recv(65_536)) and not cut.is_set():
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    answered.set()


@contextlib.contextmanager
def breaking_road(*, deliver: bool, open_again: bool, at: int = 1) -> Iterator[Road]:
    """Lead this thread's connection, and all new ones, over a Road."""
    name = f".s.PGSQL.{connection.settings_dict['PORT'] or 5432}"
    road = Road(
        Path(connection.settings_dict["HOST"]) / name,
        deliver=deliver,
        open_again=open_again,
        at=at,
    )
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX) as server,
    ):
        server.bind(f"{directory}/{name}")
        server.listen()
        threading.Thread(target=road.serve, args=(server,), daemon=True).start()
        with database_at(directory):
            yield road
        server.shutdown(socket.SHUT_RDWR)
