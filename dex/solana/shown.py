"""What nodes show of landed transactions, for many orders at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dex.errors import FillUnreadable, RpcError, RpcUnavailable
from dex.types import Fill

from .endpoint import Endpoint
from .fills import OPTIONS, Sides, read_fill
from .pages import Pages
from .rpc import RpcClient


class ShownTransactions:
    """What the nodes show of landed transactions, asked for many orders at once."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc
        self._pages = Pages(rpc, self._ask, self._take)

    async def fill(self, signature: str, sides: Sides) -> Fill | None:
        """Ask once for a fill; None when it is not shown, or not so that it can be read.

        Raises WrongChain.
        """
        if self._rpc.batch_size < 2:
            return None
        try:
            shown = await self._pages.ask(signature)
            fill = None if shown is None else read_fill(shown, signature, sides)
        except (FillUnreadable, RpcError):
            return None
        return fill if fill and self._rpc.pace.admits(fill.slot) else None

    async def close(self) -> None:
        """Stop what is being asked."""
        await self._pages.close()

    def _take(self, waiting: Sequence[str]) -> int:
        return min(len(waiting), self._rpc.batch_size)

    async def _ask(
        self, endpoint: Endpoint, page: Sequence[str]
    ) -> list[Mapping[str, Any] | None]:
        calls = [("getTransaction", [signature, OPTIONS]) for signature in page]
        answers = await endpoint.call_all(calls)
        shown = [answer if _is_swap(answer) else None for answer in answers]
        if not any(shown):
            raise RpcUnavailable(f"{endpoint.name} shows none of them yet")
        return shown


def _is_swap(answer: Any) -> bool:
    """Whether this shows a transaction that landed without an error."""
    match answer:
        case {"meta": {"err": None}}:
            return True
    return False
