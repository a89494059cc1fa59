"""How far orders are that sockets ask for: one query for all that ask at the same time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from dex.gathered import Gathered

from .models import TERMINAL
from .owners import visible_orders
from .threads import in_thread


@dataclass(frozen=True, slots=True)
class Standing:
    """The number of an order's events so far, and whether any can follow."""

    last_sequence: int
    is_closed: bool


class StandingReader:
    """Answers with one query whoever asks while the query before is under way."""

    def __init__(self) -> None:
        self._asked = Gathered(_read_all)

    async def read(self, order_id: UUID) -> Standing | None:
        """Return how far an order is; None when a client can see no such order.

        Raises database errors.
        """
        return await self._asked.call(order_id)


async def _read_all(order_ids: list[UUID]) -> list[Standing | None]:
    found = await in_thread(_read, set(order_ids))
    return [found.get(order_id) for order_id in order_ids]


def _read(order_ids: Collection[UUID]) -> dict[UUID, Standing]:
    rows = visible_orders().filter(id__in=order_ids).order_by()
    return {
        order_id: Standing(last_sequence, status in TERMINAL)
        for order_id, last_sequence, status in rows.values_list(
            "id", "last_sequence", "status"
        )
    }
