"""The real processes of one installation, for tests that need them all."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ordersite.embedded import Layout

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class RunningEngine:
    """What `make run` runs, in a data folder of its own on a free port."""

    process: subprocess.Popen[bytes]
    port: int
    var_dir: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.var_dir / "development_key").read_text()

    @property
    def admin_password(self) -> str:
        return (self.var_dir / "admin_password").read_text().strip()


@contextmanager
def engine_in(folder: Path, **settings_of_it: str) -> Iterator[RunningEngine]:
    """Run `manage.py up` until the block ends; yield it when it says that it is ready.

    `settings_of_it` go into its environment.
    """
    var_dir, log = folder / "var", folder / "up.log"
    port = _free_port()
    environment = {
        **os.environ,
        "VAR_DIR": str(var_dir),
        "PORT": str(port),
        "ALLOW_ANONYMOUS": "0",  # as a first start has it: the page uses its key
        **settings_of_it,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    engine = RunningEngine(process, port, var_dir, log)
    try:
        _wait_until_ready(engine)
        yield engine
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)
        shutil.rmtree(Layout(var_dir).sockets, ignore_errors=True)


def _wait_until_ready(engine: RunningEngine) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while "\nReady." not in (said := engine.log.read_text()):
        assert engine.process.poll() is None, f"manage.py up ended:\n{said}"
        assert time.monotonic() < give_up_at, f"manage.py up is not ready:\n{said}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
