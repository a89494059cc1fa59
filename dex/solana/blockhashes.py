"""The newest blockhash, asked for once a slot for all orders of a process."""

from __future__ import annotations

import asyncio
from typing import Any

from dex.errors import RpcUnavailable
from dex.types import Blockhash

from .decoding import context_slot
from .rpc import RpcClient


class Blockhashes:
    """Hands the same blockhash to everyone who asks within one slot.

    Orders may share it: their memos keep their transactions apart.
    """

    def __init__(self, rpc: RpcClient, *, slot_time_s: float) -> None:
        self._rpc = rpc
        self._slot_time_s = slot_time_s
        self._newest: Blockhash | None = None
        self._asked_at = 0.0
        self._asking = asyncio.Lock()

    async def latest(self) -> Blockhash:
        """Return a blockhash at commitment confirmed, at most a slot time old.

        Raises RpcUnavailable.
        """
        loop = asyncio.get_running_loop()
        async with self._asking:
            now = loop.time()
            if self._newest is None or now - self._asked_at >= self._slot_time_s:
                options = [{"commitment": "confirmed"}]
                answer = await self._rpc.call("getLatestBlockhash", options)
                self._newest = _decode(answer)
                self._asked_at = now
            return self._newest


def _decode(answer: Any) -> Blockhash:
    slot = context_slot(answer)
    match answer.get("value"):
        case {"blockhash": str(blockhash), "lastValidBlockHeight": int(height)}:
            return Blockhash(blockhash, height, slot)
    raise RpcUnavailable("A node's answer holds no blockhash.")
