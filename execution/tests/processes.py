"""Real workers and keepers on a test's own database, Redis and chain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection

WORKER = ("rqworker", "orders", "--worker-class", "execution.worker.OrderWorker")
KEEPER = ("keeper",)
MANAGE = Path(settings.BASE_DIR) / "manage.py"


def environment_of(stage, keypair):
    """What a process needs to find a stage's database, Redis, chain and wallet."""
    database = connection.settings_dict
    return os.environ | {
        "DATABASE_URL": (
            f"postgres://{database['USER']}@/{database['NAME']}"
            f"?{urlencode({'host': database['HOST']})}"
        ),
        "SOLANA_RPC_URLS": ",".join(stage.localnet.urls),
        "WALLET_KEYPAIR": str(keypair),
    }


class Running:
    """A process whose output is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._output = ""
        self._heard = 0
        self._news = asyncio.Event()
        # A pipe that nobody reads would hold up its writer.
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self._output += line.decode()
            self._news.set()

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def said(self, text: str) -> None:
        """Wait until it has said `text`; the test fails when it ends before."""
        while text not in self._output[self._heard :]:
            assert not self.reading.done(), f"it ended: {self._output}"
            self._news.clear()
            news = asyncio.create_task(self._news.wait())
            await asyncio.wait({news, self.reading}, return_when="FIRST_COMPLETED")
            news.cancel()

    def forget(self) -> None:
        """Let `said` heed only what is said from now on."""
        self._heard = len(self._output)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and all that it said."""
        code = await self.process.wait()
        await self.reading
        return code, self._output


@contextlib.asynccontextmanager
async def running(environment, *command):
    """Run a command of manage.py; a test that fails leaves none behind on its database."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(MANAGE),
        *command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    started = Running(process)
    try:
        yield started
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
        await started.reading
