"""Writing to a connection no faster than its client reads."""

from __future__ import annotations

import asyncio
import logging

from django.conf import settings
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

logger = logging.getLogger(__name__)


@implementer(IPushProducer)
class Paced:
    """A push producer that waits for room, and gives up a client that makes none.

    Twisted calls `pauseProducing` as soon as 64 KiB wait in a connection that the kernel
    takes nothing from, and `resumeProducing` when all of it is gone. A connection that
    stays full for SOCKET_STALL_S is cut off.
    """

    _may_send: asyncio.Event | None = None
    _cut_off: asyncio.TimerHandle | None = None

    def begin_pacing(self) -> None:
        self._may_send = asyncio.Event()
        self._may_send.set()

    def end_pacing(self) -> None:
        """Let whoever waits for room go on, when the connection is gone for example."""
        self._stop_clock()
        if self._may_send is not None:
            self._may_send.set()

    @property
    def has_room(self) -> bool:
        return self._may_send is None or self._may_send.is_set()

    async def room(self) -> None:
        """Wait until the connection takes more, or is gone."""
        if self._may_send is not None:
            await self._may_send.wait()

    def pauseProducing(self) -> None:
        assert self._may_send is not None
        self._may_send.clear()
        self.expect_progress()

    def resumeProducing(self) -> None:
        self.end_pacing()

    def stopProducing(self) -> None:
        self.end_pacing()

    def expect_progress(self) -> None:
        """Cut the connection off unless it takes something within SOCKET_STALL_S."""
        if self._cut_off is None:
            loop = asyncio.get_running_loop()
            self._cut_off = loop.call_later(settings.SOCKET_STALL_S, self._give_up)

    def abort(self) -> None:
        raise NotImplementedError

    def _stop_clock(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
        self._cut_off = None

    def _give_up(self) -> None:
        logger.warning(
            "%s did not read for %g s and was cut off",
            self,
            settings.SOCKET_STALL_S,
        )
        self.abort()
