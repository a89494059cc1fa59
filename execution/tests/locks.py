"""A lock that somebody else holds for the length of a block."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from django.db import transaction

from execution.storage import Database


@contextlib.asynccontextmanager
async def held_up(lock: Callable[[], object]) -> AsyncIterator[None]:
    """Call `lock` in a transaction of its own, which ends with the block."""
    own, locked = Database(), asyncio.Event()
    loop, go_on = asyncio.get_running_loop(), asyncio.Event()

    def hold() -> None:
        with transaction.atomic():
            lock()
            loop.call_soon_threadsafe(locked.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)

    holding = asyncio.create_task(own.run(hold))
    await locked.wait()
    try:
        yield
    finally:
        go_on.set()
        await holding
        await own.close()
