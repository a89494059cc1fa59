"""Tells operators which orders wait and why, without a line for each of thousands.

When a node is away or a process starts, all orders wait for the same thing. The first is
named at once; how many others there were is said after a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable

logger = logging.getLogger("execution.waiting")

QUIET_S = 10.0


class WaitingLog:
    """Logs of each reason one order at most per QUIET_S, and the number of the others."""

    def __init__(self) -> None:
        self._others: dict[Hashable, int] = {}  # by reason, while it is quiet about it

    def say(self, reason: Hashable, who: str, said: str) -> None:
        """Log that `who` waits for a reason, in the words of `said`; called in the loop."""
        if reason in self._others:
            self._others[reason] += 1
            return
        logger.warning("%s waits: %s", who, said)
        self._others[reason] = 0
        loop = asyncio.get_running_loop()
        loop.call_later(QUIET_S, self._say_others, reason, said)

    def _say_others(self, reason: Hashable, said: str) -> None:
        others = self._others.pop(reason)
        if others:
            logger.warning("%d more orders waited: %s", others, said)
