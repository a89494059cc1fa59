"""A market over one scripted node that serves a chain on paper."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from dex.solana.market import Market
from dex.solana.rpc import RpcClient

from .builders import key
from .paper_venue import PaperChain, PaperVenue
from .scripted_node import ScriptedNode, scripted_node

POOL, OTHER_POOL = key("pool"), key("other pool")
VENUES = {"paper": PaperVenue("paper"), "broken": PaperVenue("broken", broken=True)}
PAPER = ("paper", POOL)
OTHER = ("paper", OTHER_POOL)


@contextlib.asynccontextmanager
async def reading(
    chain: PaperChain, *, slot_time_s: float = 3600
) -> AsyncIterator[tuple[Market, ScriptedNode]]:
    """A market whose snapshots stay fresh for an hour, unless told otherwise."""
    async with scripted_node(getMultipleAccounts=chain.get_multiple_accounts) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=25, expected_genesis=None)
        market = Market(rpc, VENUES, slot_time_s=slot_time_s)
        try:
            yield market, node
        finally:
            await market.close()
            await rpc.close()
