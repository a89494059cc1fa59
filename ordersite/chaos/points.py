"""Named points of the code at which a process of the run strikes itself when asked to.

One file per process carries the wish: the run writes the point's name and the signal into
it, and the process that reaches the point renames it and sends itself the signal. So
exactly one of the two has the say at any time, and the run knows where it happened.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

WRITTEN = ("routing", "building", "submitted", "confirmed")
ENGINE_POINTS = (
    "claimed",
    *(f"before_commit_{status}" for status in WRITTEN),
    *(f"after_commit_{status}" for status in WRITTEN),
    "signed",
    "before_first_send",
    "after_first_send",
)
WEB_POINTS = ("before_commit_pending", "before_enqueue", "before_answer")
ANYWHERE = "anywhere"
# A point that is not reached by then: the process is struck where it is.
WITHIN_S = 10.0


class Wish:
    """Where one process is to strike itself; both sides name the same file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._granted = file.with_suffix(".reached")

    def make(self, point: str, number: signal.Signals) -> None:
        """Ask the process for a signal at a point, the next time that it is reached."""
        self._granted.unlink(missing_ok=True)
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{point} {int(number)}")
        unfinished.rename(self._file)

    def withdraw(self) -> bool:
        """Take the wish back; False when the process has granted it already."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

    def is_granted(self) -> bool:
        return self._granted.exists()

    def reach(self, point: str) -> None:
        """Strike here if that is wished; called by the process at each of its points."""
        with contextlib.suppress(FileNotFoundError):
            wished, number = self._file.read_text().split()
            if wished != point:
                return
            self._file.rename(self._granted)
            os.kill(os.getpid(), int(number))


@dataclass
class _Asked:
    wish: Wish
    give_up_at: float
    then: Callable[[bool], None]


@dataclass
class Asking:
    """The wishes of a run, at most one per process."""

    folder: Path
    within_s: float = WITHIN_S
    _asked: dict[str, _Asked] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """Return the file by which a process is asked."""
        return self.folder / name

    def ask(
        self,
        name: str,
        point: str,
        number: signal.Signals,
        then: Callable[[bool], None],
    ) -> None:
        """Ask; `then` is told whether the process did it itself or never came by."""
        wish = Wish(self.file(name))
        wish.make(point, number)
        self._asked[name] = _Asked(wish, time.monotonic() + self.within_s, then)

    def step(self) -> None:
        """See what was granted, and what is given up."""
        for name, asked in list(self._asked.items()):
            granted = asked.wish.is_granted()
            late = time.monotonic() > asked.give_up_at
            if granted or (late and asked.wish.withdraw()):
                del self._asked[name]
                asked.then(granted)

    def end(self) -> list[str]:
        """Take every wish back; return of whom, for one may be granted just now."""
        names = list(self._asked)
        for asked in self._asked.values():
            asked.wish.withdraw()
        self._asked.clear()
        return names

    def is_asked(self, name: str) -> bool:
        return name in self._asked

    @property
    def is_over(self) -> bool:
        return not self._asked
