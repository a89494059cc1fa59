"""One embedded server as a child process: start, wait until it answers, stop."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from .layout import EmbeddedError, Layout

MAX_LOG_BYTES = 10_000_000


class Server:
    """What PostgreSQL and Valkey have in common.

    A subclass says how to `launch()`, when it is `ready()`, and how to end one that a
    killed run left behind (`stop_leftover()`).
    """

    title: ClassVar[str]
    # Each is tried for its time before the next, rougher one.
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]] = (
        (signal.SIGINT, 10),
        (signal.SIGKILL, 5),
    )

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @property
    def log(self) -> Path:
        return self.layout.logs / f"{self.name}.log"

    def launch(self) -> list[str]:
        """Return the command, with everything prepared that it needs."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Say whether the server answers now."""
        raise NotImplementedError

    def stop_leftover(self) -> None:
        """End a server that still runs on this data folder. Raises EmbeddedError."""
        raise NotImplementedError

    def may_start_later(self, complaint: str) -> bool:
        """Say whether the reason why it did not start goes away by itself."""
        return False

    def start(self, timeout_s: float = 30) -> None:
        """Start the server and wait until it answers. Raises EmbeddedError."""
        try:
            self.layout.make_socket_folder()
            self.layout.logs.mkdir(parents=True, exist_ok=True)
            self.stop_leftover()
            self._start(time.monotonic() + timeout_s)
        except OSError as error:
            raise EmbeddedError(f"{self.title} did not start: {error}.") from error

    def _start(self, give_up_at: float) -> None:
        while True:
            log_start = self._run(self.launch())
            try:
                running = self._wait_until_ready(give_up_at)
            except BaseException:  # also a Ctrl-C: leave no half-started server
                self.stop()
                raise
            if running:
                return
            complaint = self.complaint(self._log_since(log_start))
            self.stop()
            # Another try needs some time, or it ends before it could say why.
            too_late = time.monotonic() + 1 > give_up_at
            if too_late or not self.may_start_later(complaint):
                raise EmbeddedError(
                    f"{self.title} did not start: {complaint} (log: {self.log})"
                )
            time.sleep(0.25)

    def _run(self, command: list[str]) -> int:
        """Start the process; return where its own lines begin in the log."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            log_start = output.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A Ctrl-C in the terminal is for the launcher, which stops it last.
                start_new_session=True,
            )
        return log_start

    def _wait_until_ready(self, give_up_at: float) -> bool:
        while time.monotonic() < give_up_at:
            if not self.running():
                return False
            if self.ready():
                return True
            time.sleep(0.02)
        return False

    def _log_since(self, start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    def complaint(self, output: str) -> str:
        """Return what the server itself said last, as one line."""
        said = [line.strip() for line in output.splitlines() if line.strip()]
        if any("No space left on device" in line for line in said):
            return f"the disk that holds {self.layout.var_dir} is full."
        worst = [line for line in said if "FATAL" in line or "PANIC" in line]
        return (worst or said or ["it said nothing within its time."])[-1]

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop the server and wait until its process has ended."""
        if self.process is None:
            return
        for number, patience_s in self.stop_signals:
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        self.process = None
        # The last server to stop leaves it empty.
        with contextlib.suppress(OSError):
            self.layout.sockets.rmdir()


def package_file(package: str, *parts: str, title: str) -> Path:
    """Return a file of an installed wheel. Raises EmbeddedError when there is none."""
    spec = importlib.util.find_spec(package)
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent
    if path is None or not (path := path.joinpath(*parts)).exists():
        raise EmbeddedError(
            f"there is no wheel of {title} for {platform.system()} "
            f"{platform.machine()} here ({package}). Set DATABASE_URL and REDIS_URL to "
            "servers of your own."
        )
    return path


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Ask every 50 ms until it holds; False when it did not in time."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)
    return True
