"""What nodes show of landed transactions, for many orders at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dex.errors import FillUnreadable, RpcError, RpcUnavailable
from dex.types import Fill

from .endpoint import Endpoint, look_at
from .fills import OPTIONS, Sides, read_fill
from .pages import Pages
from .rpc import RpcClient

Shown = Mapping[str, Any]

EARLY_KEPT = 500  # answers that were asked for early and not used yet


class ShownTransactions:
    """What the nodes show of landed transactions, asked for many orders at once."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc
        self._pages = Pages(rpc, self._ask, self._take)
        self._early: dict[str, asyncio.Task[Shown | None]] = {}

    def expect(self, signature: str) -> None:
        """Ask at once for what fill() will ask for, once the status is known as well.

        So that both questions share a request. What is never used is forgotten.
        """
        if self._rpc.batch_size < 2 or signature in self._early:
            return
        self._early[signature] = asyncio.create_task(self._pages.ask(signature))
        self._early[signature].add_done_callback(look_at)
        if len(self._early) > EARLY_KEPT:
            self._early.pop(next(iter(self._early))).cancel()

    async def fill(self, signature: str, sides: Sides) -> Fill | None:
        """Ask once for a fill; None when it is not shown, or not so that it can be read.

        Raises WrongChain.
        """
        if self._rpc.batch_size < 2:
            return None
        early = self._early.pop(signature, None)
        try:
            shown = (await _ended(early) if early else None) or (
                await self._pages.ask(signature)
            )
            fill = None if shown is None else read_fill(shown, signature, sides)
        except (FillUnreadable, RpcError):
            return None
        return fill if fill and self._rpc.pace.admits(fill.slot) else None

    async def close(self) -> None:
        """Stop what is being asked."""
        await self._pages.close()
        await asyncio.gather(*self._early.values(), return_exceptions=True)
        self._early.clear()

    def _take(self, waiting: Sequence[str]) -> int:
        return min(len(waiting), self._rpc.batch_size)

    async def _ask(self, endpoint: Endpoint, page: Sequence[str]) -> list[Shown | None]:
        calls = [("getTransaction", [signature, OPTIONS]) for signature in page]
        answers = await endpoint.call_all(calls)
        shown = [answer if _is_swap(answer) else None for answer in answers]
        if not any(shown):
            raise RpcUnavailable(f"{endpoint.name} shows none of them yet")
        return shown


async def _ended(early: asyncio.Task[Shown | None]) -> Shown | None:
    """Return what was asked for early; None when that failed: it is asked again."""
    await asyncio.wait([early])
    return None if early.cancelled() or early.exception() else early.result()


def _is_swap(answer: Any) -> bool:
    """Whether this shows a transaction that landed without an error."""
    match answer:
        case {"meta": {"err": None}}:
            return True
    return False
