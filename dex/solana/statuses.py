"""The status poller: one loop an endpoint, one call for all open transactions."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

from dex.errors import RpcError, RpcUnavailable

from .decoding import context_slot
from .endpoint import Endpoint
from .pace import ChainPace
from .subscriptions import SignatureSocket
from .tracking import Tracked, Tracker

# https://solana.com/docs/rpc/http/getsignaturestatuses
MAX_SIGNATURES = 256

# A hint is followed at once, unless a poll was made just before. The more is open the
# longer others may come that share the next one: so much for each, up to so much.
HINTS_GATHER_S, MAX_HINTS_GATHER_S = 0.001, 0.02
# How much longer it may wait while a socket tells what landed. It asks all the same: what
# a socket says, or does not say, decides nothing.
RELYING_FACTOR = 4
# An endpoint that wants to be asked less is polled half as often, and at each poll that
# it takes a little more often again: what it allows is left to sending and to proofs.
LESS, MORE, LEAST = 0.5, 0.05, 1 / 32


class StatusPoller:
    """Asks one endpoint again and again what became of everything that is open.

    Each endpoint has a loop of its own, so that a slow one delays nobody. `socket` is
    that of the same endpoint: a hint of it ends the pause between two polls.
    """

    def __init__(
        self,
        tracker: Tracker,
        endpoint: Endpoint,
        pace: ChainPace,
        *,
        interval_s: float,
        socket: SignatureSocket | None = None,
    ) -> None:
        self._tracker = tracker
        self._endpoint = endpoint
        self._pace = pace
        self._interval_s = interval_s
        self._socket = socket
        self._share = 1.0  # of the full rate
        self._times_limited = 0
        self._asked_at = -math.inf

    async def poll(self) -> None:
        """Wait until something is open, let it land for a while, and ask once."""
        await self._tracker.open()
        await self._pause()
        self._asked_at = asyncio.get_running_loop().time()
        tracked = self._tracker.undecided()  # another endpoint may have settled all
        pages = [
            tracked[start : start + MAX_SIGNATURES]
            for start in range(0, len(tracked), MAX_SIGNATURES)
        ]
        await asyncio.gather(*(self._ask(page) for page in pages))
        self._adapt()

    def _adapt(self) -> None:
        limited = self._endpoint.health.times_limited
        if limited > self._times_limited:
            self._share = max(self._share * LESS, LEAST)
        else:
            self._share = min(self._share + MORE, 1.0)
        self._times_limited = limited

    async def _pause(self) -> None:
        socket, interval_s = self._socket, self._interval_s / self._share
        if socket is None:
            await asyncio.sleep(interval_s)
            return
        factor = RELYING_FACTOR if socket.is_prompt else 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval_s * factor):
                await socket.hint.wait()
                now = asyncio.get_running_loop().time()
                gather_s = min(HINTS_GATHER_S * self._tracker.count, MAX_HINTS_GATHER_S)
                await asyncio.sleep(self._asked_at + gather_s / self._share - now)
        socket.hint.clear()

    async def _ask(self, page: list[Tracked]) -> None:
        signatures = [tracked.transaction.signature for tracked in page]
        try:
            slot, statuses = await fetch_statuses(self._endpoint, signatures)
        except RpcError:
            return  # counted and named by the endpoint itself; it says nothing of these
        self._pace.show(self._endpoint.name, slot)
        for tracked, status in zip(page, statuses, strict=True):
            self._tracker.hear(tracked, self._endpoint.name, status, slot)


async def fetch_statuses(
    endpoint: Endpoint, signatures: list[str], *, search_history: bool = False
) -> tuple[int, list[Any]]:
    """Return the context slot and one entry, or None, for each signature.

    Raises RpcError.
    """
    options = {"searchTransactionHistory": search_history}
    answer = await endpoint.call("getSignatureStatuses", [signatures, options])
    slot = context_slot(answer)
    statuses = answer.get("value")
    if not isinstance(statuses, list) or len(statuses) != len(signatures):
        raise RpcUnavailable(f"{endpoint.name}: statuses for other signatures")
    return slot, statuses
