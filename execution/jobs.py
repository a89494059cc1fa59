"""The RQ entry point, as thin as a view."""

from __future__ import annotations

import asyncio
from uuid import UUID

from orders import events

from . import worker
from .assembly import open_runner


def execute_order(order_id: str) -> None:
    """Hand an order to this process's runner, or carry it to its end without one.

    In an OrderWorker the job is over once the runner has the order: from then on the
    claim in PostgreSQL carries it. A stock rqworker comes back when the order is closed.
    """
    runner = worker.current_runner()
    if runner is not None:
        runner.take(UUID(order_id))
    else:
        asyncio.run(_carry_out(UUID(order_id)))
        # The process of a stock worker ends with the job.
        events.flush(timeout_s=1)


async def _carry_out(order_id: UUID) -> None:
    async with open_runner("job") as runner:
        await runner.take(order_id)
        carried = asyncio.ensure_future(runner.finished())
        await asyncio.wait({carried, runner.fatal}, return_when=asyncio.FIRST_COMPLETED)
        if runner.fatal.done():
            runner.fatal.result()
