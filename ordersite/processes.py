"""Keep child processes running, and leave none behind.

Each child is a session of its own: a Ctrl-C in the terminal reaches the supervisor alone,
which stops them in its order. What a child leaves behind in its session is ended with it.
When the supervisor is killed, the kernel ends the children: see child.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .child import bound
from .console import Console, LogFile
from .logs import PROCESS_NAME

POLL_S = 0.1
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
# After this long a child counts as well again: its next death waits the first delay.
WELL_AFTER_S = 60.0


class Service(Protocol):
    """What the supervisor keeps running: a child, or an embedded server."""

    @property
    def name(self) -> str: ...
    def start(self) -> None: ...
    def running(self) -> bool: ...
    def stop(self) -> None: ...


@dataclass
class Child:
    """A command whose lines go to the console and to a log file."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    folder: Path
    log: Path
    console: Console
    patience_s: float = 10.0
    descriptors: Sequence[int] = ()  # open files of ours that it goes on using
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        self.process = subprocess.Popen(
            bound(list(self.command), signal.SIGKILL),
            cwd=self.folder,
            env={**self.environment, PROCESS_NAME: self.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self.descriptors,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(
            target=LogFile(self.log).copy,
            args=(self.process.stdout, self.console, self.name),
            daemon=True,
        )
        self._reader.start()

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait(self) -> int:
        """Return the exit code of a command that ends by itself, after its last line."""
        assert self.process is not None
        code = self.process.wait()
        self._end()
        return code

    def stop(self) -> None:
        """Ask the child to stop, wait for it, then end whatever is left of it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.patience_s)
            except subprocess.TimeoutExpired:
                self.console.line(self.name, "does not stop: killed")
        self._end()

    def kill(self) -> None:
        if self.process is not None:
            end_session(self.process.pid)

    def _end(self) -> None:
        if self.process is None:
            return
        end_session(self.process.pid)
        self.process.wait()
        self.process = None
        if self._reader is not None:
            self._reader.join(timeout=1)


def end_session(leader: int) -> None:
    """Kill every process of a session, whichever group it moved to."""
    members = [int(path.name) for path in Path("/proc").glob("[0-9]*")] or [leader]
    for pid in members:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


@dataclass
class Health:
    """How one service has fared, to wait longer after each early death."""

    started_at: float
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """Starts groups of services in order, restarts what dies, stops all in reverse.

    `at_once`: what dies starts again without any delay, however often it dies.
    """

    def __init__(self, console: Console, *, at_once: bool = False) -> None:
        self._console = console
        self._at_once = at_once
        # How often each service has died by itself.
        self.deaths: Counter[str] = Counter()
        self._groups: list[list[Service]] = []
        self._health: dict[str, Health] = {}

    def start(self, *services: Service) -> None:
        """Start services that are stopped together, before those started earlier."""
        # Known first: what fails half-way is stopped as well.
        self._groups.append(list(services))
        for service in services:
            service.start()
            self._health[service.name] = Health(time.monotonic())

    @property
    def services(self) -> list[Service]:
        return [service for group in self._groups for service in group]

    def watch_once(self) -> None:
        """Restart what has died and has waited long enough."""
        for service in self.services:
            if not service.running():
                self._revive(service, self._health[service.name], time.monotonic())

    def _revive(self, service: Service, health: Health, now: float) -> None:
        if health.due_at is None:
            service.stop()  # what it left behind
            self.deaths[service.name] += 1
            if now - health.started_at > WELL_AFTER_S:
                health.deaths = 0
            delay_s = min(FIRST_DELAY_S * 2**health.deaths, LONGEST_DELAY_S)
            if self._at_once:
                delay_s = 0
            health.deaths += 1
            health.due_at = now + delay_s
            self._console.line(service.name, f"died; starts again in {delay_s:g} s")
        elif now >= health.due_at:
            health.due_at = None
            health.started_at = now
            try:
                service.start()
            except Exception as error:
                self._console.line(service.name, str(error))
            else:
                self._console.line(service.name, f"started again{_process(service)}")

    def stop(self) -> None:
        """Stop every group, the last started first; within a group all at once."""
        while self._groups:
            self.stop_last()

    def stop_last(self) -> None:
        """Stop the group that was started last, all of it at once."""
        group = self._groups.pop()
        with ThreadPoolExecutor(len(group)) as pool:
            list(pool.map(lambda service: service.stop(), group))

    def kill_children(self) -> None:
        """Stop waiting for children that drain. The servers still stop cleanly."""
        for service in self.services:
            if isinstance(service, Child):
                service.kill()


def _process(service: Service) -> str:
    process = service.process if isinstance(service, Child) else None
    return "" if process is None else f", process {process.pid}"


def python(*arguments: str) -> list[str]:
    """Return a command of this interpreter."""
    return [sys.executable, *arguments]
