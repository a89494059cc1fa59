"""Where the lines of several processes go: one terminal, and a log file for each."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from typing import IO

from .logs import json_line
from .redaction import redacted

MAX_LOG_BYTES = 10_000_000


class Console:
    """Lines of several processes on one terminal, which may be closed at any time."""

    def __init__(self, stream: IO[str], form: str = "text") -> None:
        self._stream = stream
        self._form = form
        self._lock = threading.Lock()
        self._terminal = stream.fileno() if stream.isatty() else None

    def line(self, name: str, text: str) -> None:
        """Write a line of a process; one that is JSON already stays as it is."""
        if self._form == "text":
            self.write(f"{name:8} | {text}")
        elif text.startswith("{"):
            self.write(text)
        else:
            process = f"{name}:{os.getpid()}"
            message = redacted(text)
            self.write(json_line(time.time(), "INFO", "console", message, process))

    def write(self, text: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def is_hung_up(self) -> bool:
        """Say whether the terminal was closed. Its signal may reach only the leader."""
        if self._terminal is None:
            return False
        poll = select.poll()
        poll.register(self._terminal, 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))


class LogFile:
    """A file that is put aside when it grows too large; one old one is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def copy(self, lines: IO[bytes], console: Console, name: str) -> None:
        """Copy every line to the file and to the console, until there are no more.

        A full disk loses lines of the log, never the child: it must find its reader.
        """
        with lines:
            for line in lines:
                with contextlib.suppress(OSError):
                    self._append(line)
                console.line(name, line.decode(errors="replace").rstrip())

    def _append(self, line: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(line)
            full = file.tell() > MAX_LOG_BYTES
        if full:
            self._path.replace(self._path.with_suffix(".log.1"))
