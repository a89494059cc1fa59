"""A client of scripted nodes, closed at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from dex.solana.rpc import RpcClient

from .scripted_node import GENESIS


@contextlib.asynccontextmanager
async def client(*urls: str, **options: Any) -> AsyncIterator[RpcClient]:
    settings: dict[str, Any] = {
        "timeout_s": 2.0,
        "batch_size": 25,
        "expected_genesis": GENESIS,
    }
    rpc = RpcClient(urls, **settings | options)
    try:
        yield rpc
    finally:
        await rpc.close()


async def never() -> None:
    await asyncio.Event().wait()
