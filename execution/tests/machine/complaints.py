"""Errors that the code did not foresee: it logs them with their trace and goes on."""

from __future__ import annotations

import logging

from .promises import hold


class Complaints(logging.Handler):
    """Remembers the first of them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._first = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not self._first:
            self._first = f"{record.getMessage()}: {record.exc_info[1]!r}"

    def check(self) -> None:
        """Hold that there was none since the last check."""
        first, self._first = self._first, ""
        hold("nothing_unforeseen", not first, first)


complaints = Complaints()
