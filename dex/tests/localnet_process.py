"""The real localnet process as a child, for tests that kill, load or measure it."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from solders.pubkey import Pubkey

ROOT = Path(__file__).resolve().parents[2]


class LocalnetProcess:
    """`manage.py localnet`, ready when its line is out."""

    def __init__(self, folder: Path, *options: str, fund: Pubkey) -> None:
        self.child = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "localnet", "--no-market"),
                *("--port", "0", "--ledger", str(folder)),
                *("--fund", str(fund), *options),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        said, _, urls = self.child.stdout.readline().partition(": ")
        assert said == "localnet ready"
        self.url = urls.split()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.child.poll() is None:
            self.end(signal.SIGKILL)

    def post(self, body: Any) -> Any:
        request = urllib.request.Request(self.url, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def call(self, method: str, *params: Any) -> Any:
        return self.post(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        )["result"]

    def memory_bytes(self) -> int:
        """Return the resident memory."""
        pages = Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def cpu_s(self) -> float:
        """Return the processor time used so far."""
        stat = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2]
        user, system = stat.split()[11:13]
        return (int(user) + int(system)) / 100

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.child.send_signal(number)
        code = self.child.wait(10)
        assert self.child.stdout is not None
        self.child.stdout.close()
        return code
