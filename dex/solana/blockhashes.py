"""The newest blockhash, asked for once a slot for all orders of a process."""

from __future__ import annotations

import asyncio
from typing import Any

from dex.errors import RpcUnavailable
from dex.types import Blockhash

from .decoding import context_slot
from .endpoint import look_at
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
        self._asking: asyncio.Task[Blockhash] | None = None

    async def latest(self) -> Blockhash:
        """Return a blockhash at commitment confirmed, at most a slot time old.

        Raises RpcUnavailable, at the same time for all who wait.
        """
        now = asyncio.get_running_loop().time()
        if self._newest is not None and now - self._asked_at < self._slot_time_s:
            return self._newest
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(now))
            self._asking.add_done_callback(look_at)
        return await asyncio.shield(self._asking)

    async def _ask(self, now: float) -> Blockhash:
        answer = await self._rpc.call(
            "getLatestBlockhash", [{"commitment": "confirmed"}]
        )
        self._newest, self._asked_at = _decode(answer), now
        return self._newest


def _decode(answer: Any) -> Blockhash:
    slot = context_slot(answer)
    match answer.get("value"):
        case {"blockhash": str(blockhash), "lastValidBlockHeight": int(height)}:
            return Blockhash(blockhash, height, slot)
    raise RpcUnavailable("A node's answer holds no blockhash.")
