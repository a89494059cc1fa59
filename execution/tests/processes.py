"""Real workers and keepers on a test's own database, Redis and chain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
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


@dataclass
class Running:
    process: asyncio.subprocess.Process
    _reading: asyncio.Task[bytes]

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and all that it said."""
        code = await self.process.wait()
        return code, (await self._reading).decode()


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
    assert process.stdout is not None
    # A pipe that nobody reads would hold up its writer.
    reading = asyncio.create_task(process.stdout.read())
    try:
        yield Running(process, reading)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
        await reading
