"""How far orders are that sockets ask for: one query for all that ask at the same time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from dex.gathered import Gathered

from .models import TERMINAL
from .threads import in_thread

# One text, however many ask: PostgreSQL plans it once for each connection. OFFSET 0: as in
# history.py.
_STANDINGS = """
    SELECT asked.owner_id, asked.order_id, found.last_sequence, found.status
    FROM unnest(%s::bigint[], %s::uuid[]) AS asked (owner_id, order_id)
    CROSS JOIN LATERAL (
        SELECT last_sequence, status FROM orders_order
        WHERE id = asked.order_id AND owner_id = asked.owner_id
        OFFSET 0
    ) AS found
"""

Owned = tuple[int, UUID]  # an owner, and an order that is asked for in its name


@dataclass(frozen=True, slots=True)
class Standing:
    """The number of an order's events so far, and whether any can follow."""

    last_sequence: int
    is_closed: bool


class StandingReader:
    """Answers with one query whoever asks while the query before is under way."""

    def __init__(self) -> None:
        self._asked = Gathered(_read_all)

    async def read(self, owner_id: int, order_id: UUID) -> Standing | None:
        """Return how far an order is; None when this owner has no such order.

        Raises database errors.
        """
        return await self._asked.call((owner_id, order_id))


async def _read_all(asked: list[Owned]) -> list[Standing | None]:
    found = await in_thread(_read, set(asked))
    return [found.get(owned) for owned in asked]


def _read(asked: Collection[Owned]) -> dict[Owned, Standing]:
    """Read the orders of all owners at once; each is found only under its own."""
    owner_ids, order_ids = zip(*asked, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, [list(owner_ids), list(order_ids)])
        rows = cursor.fetchall()
    return {
        (owner_id, order_id): Standing(last_sequence, status in TERMINAL)
        for owner_id, order_id, last_sequence, status in rows
    }
