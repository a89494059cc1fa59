"""What tests settle: a signed swap, what the ledger says of it, and the wait for its outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dex.types import Outcome, SignedTransaction

from .trader import Trader


async def signed(trader: Trader) -> SignedTransaction:
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
    return await trader.sign(quote, snapshot)


def on_chain(trader: Trader, transaction: SignedTransaction) -> str:
    """What the ledger itself says: landed, failed or absent."""
    record = trader.localnet.ledger.store.history.transaction(transaction.signature)
    if record is None:
        return "absent"
    return "landed" if record.error is None else "failed"


@contextlib.asynccontextmanager
async def settling(
    trader: Trader, transaction: SignedTransaction
) -> AsyncIterator[asyncio.Task[Outcome]]:
    task = asyncio.create_task(trader.cluster.settle(transaction))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def advance(trader: Trader, slots: int) -> None:
    trader.localnet.control("localnet_advance", {"slots": slots})
