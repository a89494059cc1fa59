"""The real processes, from the first start to the last orphan that must not be there."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from websockets.sync.client import connect

from dex.tests.builders import key
from dex.tests.dumps import CPMM, pool_file
from ordersite.embedded import Layout
from ordersite.tests.test_exclusive import free_port

SEEDS_ORDER = {
    "type": "market",
    "tokenIn": "A",
    "tokenOut": "B",
    "amountIn": 100,
    "slippage": 0.01,
}
# In a pool that LOCALNET_FORK copies; token 1 is of Token-2022, with a transfer fee.
FORKED_ORDER = SEEDS_ORDER | {
    "tokenIn": str(key("token 0")),
    "tokenOut": str(key("token 1")),
}


pytestmark = pytest.mark.early


class Installation:
    """`manage.py up` on data and ports of its own."""

    def __init__(self, var_dir: Path) -> None:
        self.layout = Layout(var_dir)
        self.port = free_port()
        self.environment = {
            **os.environ,
            "VAR_DIR": str(var_dir),
            "PORT": str(self.port),
            "ALLOW_ANONYMOUS": "0",
            "LOCALNET_PORT": str(20_000 + self.port % 10_000),
        }
        self.started: list[psutil.Process] = []

    def start(self) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.wait_for(lambda lines: any("curl -s" in line for line in lines))
        self.started = [psutil.Process(self.process.pid), *self.family()]

    def try_again(self) -> subprocess.CompletedProcess[str]:
        """Run `up` where it cannot go on; return what it said."""
        return subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def family(self) -> list[psutil.Process]:
        family: list[psutil.Process] = psutil.Process(self.process.pid).children(
            recursive=True
        )
        return family

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    def wait_for(self, condition: Callable[[list[str]], bool]) -> None:
        give_up_at = time.monotonic() + 60
        while not condition(self.lines):
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < give_up_at, self.lines
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to `up` alone; return which of its processes are left."""
        self.started = list({*self.started, *self.family()})
        self.process.send_signal(number)
        self.process.wait(60)
        alive: list[psutil.Process] = psutil.wait_procs(self.started, timeout=15)[1]
        self.reader.join(10)
        return alive

    def post(self, order: dict[str, Any]) -> dict[str, str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/orders/execute",
            json.dumps(order).encode(),
            {"Content-Type": "application/json", "Authorization": self.printed_key()},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201
            created: dict[str, str] = json.load(answer)
        return created

    def printed_key(self) -> str:
        """Return the Authorization of the newest curl line, as a shell would read it."""
        *_, line = (line for line in self.lines if "curl -s" in line)
        words = shlex.split(line.removesuffix("\\"))
        [header] = [word for word in words if word.startswith("Authorization: ")]
        return header.removeprefix("Authorization: ")

    def history(self, ws_url: str) -> list[str]:
        """Return the statuses that a socket shows until the server closes it."""
        with connect(ws_url, proxy=None, open_timeout=20) as messages:
            return [json.loads(message)["status"] for message in messages]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    found = Installation(tmp_path / "with space")
    dump = pool_file(tmp_path / "a pool.json", CPMM.accounts())
    found.environment["LOCALNET_FORK"] = str(dump)
    yield found
    for process in found.started:
        if process.is_running():
            process.kill()
    shutil.rmtree(found.layout.sockets, ignore_errors=True)


def test_an_order_is_confirmed_by_the_real_processes(installation: Installation):
    happy = ["pending", "routing", "building", "submitted", "confirmed"]
    installation.start()

    # Nobody trades without the key, and none of the logs holds it.
    key = installation.printed_key()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(
            f"http://127.0.0.1:{installation.port}/api/orders", timeout=10
        )
    assert key.removeprefix("Bearer ") == (
        (installation.layout.var_dir / "development_key").read_text()
    )
    created = installation.post(SEEDS_ORDER)
    assert set(created) == {"orderId", "wsUrl"}
    assert installation.history(created["wsUrl"]) == happy

    second = installation.try_again()
    assert second.returncode == 1
    assert f"already running here (process {installation.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr

    # A child that dies is back, and the next order does not notice.
    children = psutil.Process(installation.process.pid).children()
    worker = next(child for child in children if "rqworker" in child.cmdline())
    worker.kill()
    installation.wait_for(
        lambda lines: any("worker   | died; starts again" in line for line in lines)
    )
    created = installation.post(FORKED_ORDER)
    assert installation.history(created["wsUrl"]) == happy

    for log in installation.layout.logs.iterdir():
        assert key.split("_", 2)[2] not in log.read_text()
    assert installation.end(signal.SIGTERM) == []
    assert installation.process.returncode == 0
    assert installation.lines[-1] == "up       | everything has stopped"

    # The next start finds its data; a killed one leaves nobody behind either.
    installation.start()
    assert installation.printed_key() == key
    assert installation.history(created["wsUrl"]) == happy
    assert installation.end(signal.SIGKILL) == []


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path):
    installation = Installation(tmp_path)
    with socket.create_server(("127.0.0.1", installation.port)):
        done = installation.try_again()

    assert done.returncode == 1
    assert f"Port {installation.port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert not installation.layout.sockets.exists()
