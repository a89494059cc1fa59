"""Everything in one terminal: servers, localnet, worker, keeper and web."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dex.errors import DexError
from ordersite.console import Console
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse, claim_web_port, lock_data
from ordersite.foreground import keep_running, stopped_by_signals
from ordersite.processes import Supervisor
from ordersite.site import Site
from ordersite.welcome import welcome

REMIND_EVERY_S = 15.0


class Command(BaseCommand):
    help = "Run everything in this terminal until Ctrl-C, SIGTERM or a closed terminal."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(sys.stdout, settings.LOG_FORMAT)
        supervisor = Supervisor(console)
        try:
            with (
                lock_data(settings.VAR_DIR),
                claim_web_port(settings.PORT) as listening,
                stopped_by_signals(supervisor, console, "up") as stopping,
            ):
                site = Site(console, supervisor, listening)
                site.start()
                welcoming = Welcoming(site, console)
                keep_running(supervisor, console, stopping, welcoming.look)
        except (InUse, EmbeddedError, DexError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:  # a full disk, a folder that may not be written
            raise CommandError(f"{settings.VAR_DIR}: {error}") from error


class Welcoming:
    """Says once that everything is ready, and what is missing until then."""

    def __init__(self, site: Site, console: Console) -> None:
        self._site = site
        self._console = console
        self._is_done = False
        self._remind_at = time.monotonic() + REMIND_EVERY_S

    def look(self) -> None:
        if self._is_done:
            return
        missing = self._site.not_ready()
        if not missing:
            self._is_done = True
            self._console.write(welcome())
        elif time.monotonic() > self._remind_at:
            self._console.line("up", f"not ready yet: {missing}")
            self._remind_at = time.monotonic() + REMIND_EVERY_S
