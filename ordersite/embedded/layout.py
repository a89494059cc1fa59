"""Where an installation keeps its data, its sockets and its own secrets."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

DEFAULT_LOCALNET_PORT = 8899
POSTGRES_PORT = 5432  # only a part of the socket's name


class EmbeddedError(Exception):
    """An embedded server cannot run here; the message says why and what to do."""


@dataclass(frozen=True)
class Layout:
    """The folders and addresses that follow from `var_dir`."""

    var_dir: Path

    @property
    def sockets(self) -> Path:
        # A Unix socket's path has room for 107 bytes; a checkout's path may be longer.
        name = hashlib.sha256(os.fsencode(self.var_dir)).hexdigest()[:12]
        return Path("/tmp") / f"dex-{os.getuid()}-{name}"

    @property
    def database(self) -> dict[str, Any]:
        return {
            "NAME": "orders",
            "USER": "postgres",
            "HOST": str(self.sockets),
            "PORT": str(POSTGRES_PORT),
        }

    @property
    def redis_url(self) -> str:
        return f"unix://{self.sockets}/valkey.sock"

    @property
    def logs(self) -> Path:
        return self.var_dir / "log"

    @property
    def localnet(self) -> Path:
        return self.var_dir / "localnet"

    def localnet_port(self) -> int:
        """Return the port that `manage.py up` chose for localnet the last time."""
        try:
            return int((self.localnet / "port").read_text())
        except (FileNotFoundError, ValueError):
            return DEFAULT_LOCALNET_PORT

    def make_socket_folder(self) -> None:
        """Make the private folder of the sockets, or check that it is ours alone.

        Who can put a socket there is trusted with every order, and `/tmp` is open to all.
        """
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid != os.getuid()
            or stat.S_IMODE(found.st_mode) & 0o077
        ):
            raise EmbeddedError(
                f"{self.sockets} must be a folder of this user with mode 0700, and it is "
                "not. Remove it, or set DATABASE_URL and REDIS_URL to servers of yours."
            )


def secret_key(var_dir: Path) -> str:
    """Return this installation's own key, made at the first start, readable by its user."""
    path = var_dir / "secret_key"
    try:
        if not path.exists():
            var_dir.mkdir(parents=True, exist_ok=True)
            write_once(path, secrets.token_urlsafe(48))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"the secret key {path} cannot be made or read ({error.strerror}): set "
            "VAR_DIR to a folder that this user may write and that has room."
        ) from None


def write_once(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all; one that exists already stays."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process was faster
    finally:
        os.unlink(temporary)
