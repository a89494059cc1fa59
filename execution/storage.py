"""Database calls of the engine: in a few threads with kept connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from orders.errors import StaleTransition
from orders.models import Attempt, AttemptState
from orders.moves import AttemptOpening

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
# What a lost or refused connection raises: nothing is known about the last statement.
CONNECTION_ERRORS = (OperationalError, InterfaceError)


class Database:
    """Runs sync database functions for one event loop.

    Each thread keeps its connection, and drops it after a connection error, so that a
    restarted PostgreSQL is met with a new one.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call` in a thread and return what it returns, raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, partial(_guarded, partial(call, *args, **kwargs))
        )

    async def close(self) -> None:
        """Close the connections of all threads and end them."""
        # The barrier holds each thread until every thread has its own call.
        everyone = threading.Barrier(THREADS)

        def close_mine() -> None:
            everyone.wait(timeout=30)
            connection.close()

        await asyncio.gather(*(self.run(close_mine) for _ in range(THREADS)))
        self._threads.shutdown()


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except CONNECTION_ERRORS:
        connection.close()
        raise


def read_live_attempt(order_id: UUID) -> AttemptOpening:
    """Read the one attempt of a submitted order that may still land, as it was saved.

    Raises StaleTransition when another holder has closed it meanwhile.
    """
    attempt = Attempt.objects.filter(order_id=order_id, state=AttemptState.LIVE).first()
    if attempt is None:
        raise StaleTransition(f"order {order_id} has no live attempt any more")
    saved = {
        field.name: getattr(attempt, field.name) for field in fields(AttemptOpening)
    }
    amounts = {
        name: int(saved[name]) for name in ("quoted_amount_out", "min_amount_out")
    }
    raw = bytes(attempt.raw_transaction)
    return AttemptOpening(**saved | amounts | {"raw_transaction": raw})
