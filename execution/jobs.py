"""The RQ entry point, as thin as a view."""

from __future__ import annotations

import asyncio
from uuid import UUID

from orders import events

from .assembly import open_runner


def execute_order(order_id: str, *, request_id: str = "") -> None:
    """Carry an order to its end: what a stock rqworker does with an order's job.

    An OrderWorker does not call it, but hands the ids of many jobs to one runner.
    """
    asyncio.run(_carry_out(UUID(order_id), request_id))
    # The process of a stock worker ends with the job.
    events.flush(timeout_s=1)


async def _carry_out(order_id: UUID, request_id: str) -> None:
    async with open_runner("job") as runner:
        await runner.take(order_id, request_id)
        carried = asyncio.ensure_future(runner.finished())
        await asyncio.wait({carried, runner.fatal}, return_when=asyncio.FIRST_COMPLETED)
        if runner.fatal.done():
            runner.fatal.result()
