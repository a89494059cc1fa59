"""Running a supervisor in the foreground until a signal or a closed terminal ends it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from .console import Console
from .processes import POLL_S, Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end. No Exception: nothing on the way may swallow it."""


class StopRequest:
    """Whether a signal asked for the end.

    No threading.Event: its lock would be taken by the handler of one signal when that of
    the next interrupts it, and neither would ever return.
    """

    made = False


@contextlib.contextmanager
def stopped_by_signals(
    supervisor: Supervisor, console: Console, name: str
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
        console.line(name, "stopping")
    finally:
        stopping_since = time.monotonic()
        for number in STOP_SIGNALS:
            signal.signal(number, hurry)
        supervisor.stop()
        console.line(name, "everything has stopped")
        for number, handler in previous.items():
            signal.signal(number, handler)


def keep_running(
    supervisor: Supervisor,
    console: Console,
    stopping: StopRequest,
    each_time: Callable[[], None] = lambda: None,
) -> None:
    """Restart what dies, and call `each_time`, until the end; then raise Stopped."""
    # Python drops what a signal raises while an object is being finalized, so the
    # handler leaves a note as well.
    while not (stopping.made or console.is_hung_up()):
        supervisor.watch_once()
        each_time()
        time.sleep(POLL_S)
    raise Stopped
