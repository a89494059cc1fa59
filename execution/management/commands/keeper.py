"""Take over what is overdue: orders whose job was lost, or whose holder died; audit."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dex.errors import DexError
from execution.assembly import serve
from execution.audit.standing import auditing
from execution.keeper import keep
from execution.runner import Runner


class Command(BaseCommand):
    help = (
        "Carry out orders that are overdue, and audit the database as it grows. Two "
        "keepers on two hosts are fine."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(_main())
        except DexError as error:
            raise CommandError(str(error)) from error


async def _main() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await serve("keeper", _keep_and_audit, stopping)


async def _keep_and_audit(runner: Runner) -> None:
    async with auditing(runner):
        await keep(runner)
