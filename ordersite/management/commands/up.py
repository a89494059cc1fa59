"""Everything in one terminal: servers, localnet, worker, keeper and web."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dex.errors import DexError
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse, claim_web_port, lock_data
from ordersite.processes import POLL_S, Console, Supervisor
from ordersite.site import Site, welcome

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMIND_EVERY_S = 15.0


class Stopped(BaseException):
    """Somebody asked for the end. No Exception: nothing on the way may swallow it."""


class StopRequest:
    """Whether a signal asked for the end.

    No threading.Event: its lock would be taken by the handler of one signal when that of
    the next interrupts it, and neither would ever return.
    """

    made = False


class Command(BaseCommand):
    help = "Run everything in this terminal until Ctrl-C, SIGTERM or a closed terminal."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(sys.stdout)
        supervisor = Supervisor(console)
        try:
            with (
                lock_data(settings.VAR_DIR),
                claim_web_port(settings.PORT),
                _stopped_by_signals(supervisor, console) as stopping,
            ):
                site = Site(console, supervisor)
                site.start()
                _watch(site, supervisor, console, stopping)
        except (InUse, EmbeddedError, DexError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:  # a full disk, a folder that may not be written
            raise CommandError(f"{settings.VAR_DIR}: {error}") from error


def _watch(
    site: Site, supervisor: Supervisor, console: Console, stopping: StopRequest
) -> None:
    """Restart what dies, until the end; say once that everything is ready."""
    ready = False
    remind_at = time.monotonic() + REMIND_EVERY_S
    # Python drops what a signal raises while an object is being finalized, so the
    # handler leaves a note as well.
    while not (stopping.made or console.is_hung_up()):
        supervisor.watch_once()
        if not ready:
            missing = site.not_ready()
            ready = not missing
            if ready:
                console.write(welcome())
            elif time.monotonic() > remind_at:
                console.line("up", f"not ready yet: {missing}")
                remind_at = time.monotonic() + REMIND_EVERY_S
        time.sleep(POLL_S)
    raise Stopped


@contextlib.contextmanager
def _stopped_by_signals(
    supervisor: Supervisor, console: Console
) -> Iterator[StopRequest]:
    """End the block at the first signal, and in any case stop what it started."""
    stopping = StopRequest()

    def stop(number: int, frame: FrameType | None) -> None:
        # Two signals may come together; a second one must not break off the stop.
        if not stopping.made:
            stopping.made = True
            raise Stopped

    stopping_since = 0.0

    def hurry(number: int, frame: FrameType | None) -> None:
        # make passes on what the terminal already sent: the same signal, twice at once.
        if number == signal.SIGINT and time.monotonic() - stopping_since > 1:
            supervisor.kill_children()

    previous = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield stopping
    except Stopped:
        console.line("up", "stopping")
    finally:
        stopping_since = time.monotonic()
        for number in STOP_SIGNALS:
            signal.signal(number, hurry)
        supervisor.stop()
        console.line("up", "everything has stopped")
        for number, handler in previous.items():
            signal.signal(number, handler)
