"""How far orders are that sockets ask for: one query for all that ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from .models import TERMINAL
from .owners import visible_orders
from .threads import in_thread


@dataclass(frozen=True, slots=True)
class Standing:
    """The number of an order's events so far, and whether any can follow."""

    last_sequence: int
    is_closed: bool


class StandingReader:
    """Gathers who asks while a query is under way, and answers them with the next one."""

    def __init__(self) -> None:
        self._waiting: list[tuple[UUID, asyncio.Future[Standing | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, order_id: UUID) -> Standing | None:
        """Return how far an order is; None when a client can see no such order.

        Raises database errors.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Standing | None] = loop.create_future()
        self._waiting.append((order_id, answer))
        if self._reading is None:
            self._reading = loop.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                try:
                    found = await in_thread(_read, {order_id for order_id, _ in asked})
                except Exception as error:
                    for _, answer in asked:
                        if not answer.done():  # its socket may be gone
                            answer.set_exception(error)
                else:
                    for order_id, answer in asked:
                        if not answer.done():
                            answer.set_result(found.get(order_id))
        finally:
            self._reading = None


def _read(order_ids: Collection[UUID]) -> dict[UUID, Standing]:
    rows = visible_orders().filter(id__in=order_ids).order_by()
    return {
        order_id: Standing(last_sequence, status in TERMINAL)
        for order_id, last_sequence, status in rows.values_list(
            "id", "last_sequence", "status"
        )
    }
