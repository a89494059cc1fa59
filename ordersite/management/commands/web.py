"""The web processes alone, for a container or a host of their own."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ordersite.console import Console
from ordersite.exclusive import InUse, claim_web_port
from ordersite.foreground import keep_running, stopped_by_signals
from ordersite.processes import Supervisor
from ordersite.webs import web_children


class Command(BaseCommand):
    help = (
        "Run as many web processes as WEB_PROCESSES says on one address, until Ctrl-C or "
        "SIGTERM; one that dies is started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="127.0.0.1", help="the address (default 127.0.0.1)"
        )
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(sys.stdout, settings.LOG_FORMAT)
        supervisor = Supervisor(console)
        try:
            with (
                claim_web_port(options["port"], options["bind"]) as listening,
                stopped_by_signals(supervisor, console, "web") as stopping,
            ):
                supervisor.start(*web_children(listening, console))
                keep_running(supervisor, console, stopping)
        except InUse as error:
            raise CommandError(str(error)) from error
