"""Named points of the code at which a process of the run kills itself when asked to.

One file per process carries the wish: the run writes the point's name into it, and the
process that reaches the point renames it and dies by SIGKILL. So exactly one of the two
has the say at any time, and the run knows where the process died.
"""

from __future__ import annotations

import contextlib
import os
import signal
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


class Wish:
    """Where one process is to die; both sides name the same file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._granted = file.with_suffix(".reached")

    def make(self, point: str) -> None:
        """Ask the process to die at a point, the next time that it is reached."""
        self._granted.unlink(missing_ok=True)
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(point)
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
        """Die here if that is wished; called by the process at each of its points."""
        with contextlib.suppress(FileNotFoundError):
            if self._file.read_text() != point:
                return
            self._file.rename(self._granted)
            os.kill(os.getpid(), signal.SIGKILL)
