"""The newest blockhash, asked for once a slot for all orders of a process."""

from __future__ import annotations

import asyncio
from typing import Any

from solders.hash import Hash, ParseHashError

from dex.errors import RpcUnavailable
from dex.types import Blockhash

from .decoding import context_slot, is_count
from .endpoint import Endpoint, look_at
from .rpc import RpcClient

# A blockhash can be used for 150 blocks after its own, and no chain has more blocks than
# slots. A transaction that could land far beyond that could never be proved dead.
MAX_LIFE_SLOTS = 300


class Blockhashes:
    """Hands the same blockhash to everyone who asks within one slot.

    Orders may share it: their memos keep their transactions apart.
    """

    def __init__(self, rpc: RpcClient, *, slot_time_s: float) -> None:
        self._rpc = rpc
        self._slot_time_s = slot_time_s
        self._newest: Blockhash | None = None
        self._asking: asyncio.Task[Blockhash] | None = None

    async def latest(self) -> Blockhash:
        """Return a blockhash at commitment confirmed, at most a slot time old.

        Raises RpcUnavailable, at the same time for all who wait.
        """
        now = asyncio.get_running_loop().time()
        newest = self._newest
        if newest is not None and now - newest.read_at < self._slot_time_s:
            return newest
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(now))
            self._asking.add_done_callback(look_at)
        return await asyncio.shield(self._asking)

    async def _ask(self, now: float) -> Blockhash:
        async def ask(endpoint: Endpoint) -> tuple[int, Blockhash]:
            options = {"commitment": "confirmed"}
            answer = await endpoint.call("getLatestBlockhash", [options])
            blockhash = _decode(answer, now)
            return blockhash.slot, blockhash

        # A node that lags behind would give one that dies the earlier.
        self._newest = await self._rpc.freshest(ask)
        return self._newest


def _decode(answer: Any, now: float) -> Blockhash:
    slot = context_slot(answer)
    match answer.get("value"):
        case {"blockhash": str(blockhash), "lastValidBlockHeight": height} if (
            is_count(height) and height <= slot + MAX_LIFE_SLOTS and _is_hash(blockhash)
        ):
            return Blockhash(blockhash, height, slot, read_at=now)
    raise RpcUnavailable("A node's answer holds no blockhash.")


def _is_hash(text: str) -> bool:
    try:
        Hash.from_string(text)
    except ParseHashError:
        return False
    return True
