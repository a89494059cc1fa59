"""The sender: the same signed bytes to every endpoint, again and again."""

from __future__ import annotations

import asyncio
import base64
import logging

from dex.errors import RpcError, WrongChain

from .decoding import is_count
from .endpoint import Endpoint
from .health import Circuit
from .rpc import RpcClient
from .tracking import Tracked, Tracker

logger = logging.getLogger(__name__)

# What preflight could find was found by the simulation; after the save a rejection
# proves nothing. Re-sending is our own affair.
OPTIONS = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}


class Sender:
    """Sends what is open, at once and every `interval_s`, until its outcome is known.

    Nothing is sent beyond its last valid block height once every endpoint that tells its
    height is past it, and two at least have told theirs: of several endpoints, the word of
    one alone never keeps a transaction from landing.
    """

    def __init__(self, tracker: Tracker, rpc: RpcClient, *, interval_s: float) -> None:
        self._tracker = tracker
        self._rpc = rpc
        self._interval_s = interval_s
        self._lowest_height = 0
        self._unsent: list[str] = []
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, tracked: Tracked) -> None:
        """Send one transaction to every endpoint without waiting for the answers."""
        if tracked.transaction.last_valid_block_height < self._lowest_height:
            return
        loop = asyncio.get_running_loop()
        tracked.sent_at = loop.time()
        self._unsent.append(base64.b64encode(tracked.transaction.raw).decode())
        if len(self._unsent) == 1:
            # Those that were saved at the same moment go together.
            loop.call_soon(self._send_unsent)

    def _send_unsent(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not unsent:
            return  # closed meanwhile
        for endpoint in self._rpc.endpoints:
            task = asyncio.create_task(self._send(endpoint, unsent))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def resend(self) -> None:
        """Send again what was sent `interval_s` ago or earlier; then pause."""
        tracked = [entry for entry in await self._tracker.open() if entry.resend]
        latest = asyncio.get_running_loop().time() - self._interval_s
        overdue = [t for t in tracked if t.sent_at is None or t.sent_at <= latest]
        if overdue:
            await self._read_heights()
        for entry in overdue:
            self.send(entry)
        await asyncio.sleep(self._interval_s / 4)

    async def close(self) -> None:
        """Stop what is being sent."""
        self._unsent.clear()
        sending = list(self._sending)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    async def _read_heights(self) -> None:
        """Ask every endpoint; one that is slow must not delay the sending to others."""
        asking = [
            asyncio.create_task(_height(endpoint)) for endpoint in self._rpc.endpoints
        ]
        try:
            done, _ = await asyncio.wait(asking, timeout=self._interval_s)
            heights = [height for task in done if (height := task.result()) is not None]
        finally:
            for task in asking:
                task.cancel()
        # Of this round alone: one wrong answer would end all sending for good.
        enough = len(heights) >= min(len(asking), 2)
        self._lowest_height = min(heights) if enough else 0

    async def _send(self, endpoint: Endpoint, unsent: list[str]) -> None:
        calls = [("sendTransaction", [raw, OPTIONS]) for raw in unsent]
        try:
            answers = await endpoint.call_all(calls)
        except RpcError as error:
            answers = [error]
        except WrongChain as error:
            self._tracker.fail(error)
            return
        # It may have landed all the same: only the chain's status decides. While an
        # endpoint rests, every order would say the same of it again and again.
        rests = endpoint.health.circuit is Circuit.OPEN
        for answer in answers:
            if isinstance(answer, BaseException):
                level = logging.DEBUG if rests else logging.INFO
                logger.log(level, "sending: %s", answer)


async def _height(endpoint: Endpoint) -> int | None:
    try:
        height = await endpoint.call("getBlockHeight", [{"commitment": "confirmed"}])
    except RpcError as error:
        logger.info("the block height of %s is unknown: %s", endpoint.name, error)
        return None
    return height if is_count(height) else None
