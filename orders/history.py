"""Reads the stored events that sockets miss, for many orders in one query."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.db import Error, connection

from .event_frames import EventRow, event_frame
from .models import TERMINAL, OrderEvent

# json.dumps() would make one for each frame.
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

PAGE_ROWS = 1_000
PAGE_BYTES = 512 * 1024  # of data, as stored; or one event that is larger

# OFFSET 0 makes PostgreSQL look up each order by the index. Left to itself it reads the
# whole table as long as that has no statistics, which is for its first minutes.
MISSED = """
    SELECT order_id, sequence, status, attempt, created_at, data, missed FROM (
        SELECT event.*,
               count(*) OVER () AS missed,
               sum(pg_column_size(event.data)) OVER before AS bytes_before
        FROM unnest(%s::uuid[], %s::integer[]) AS seen (order_id, sequence)
        CROSS JOIN LATERAL (
            SELECT * FROM orders_orderevent AS stored
            WHERE stored.order_id = seen.order_id AND stored.sequence > seen.sequence
            OFFSET 0
        ) AS event
        WINDOW before AS (
            ORDER BY event.order_id, event.sequence
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS event
    WHERE coalesce(bytes_before, 0) < %s
    ORDER BY order_id, sequence
    LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the history, with the text that goes to every socket."""

    order_id: UUID
    sequence: int
    is_terminal: bool
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order; `is_last` unless more were stored than one read may return."""

    events: list[StoredEvent]
    is_last: bool


class HistoryReader:
    """A thread of its own with a kept connection, so that other queries delay nobody."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="order-history")

    async def read(self, cursors: Mapping[UUID, int]) -> Page:
        """Return, in order, the first events of each order after the given sequence.

        Raises django.db.Error; the next read then opens a new connection.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _read, dict(cursors))

    async def rest(self) -> None:
        """Give the connection back until the next read."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, _disconnect)

    def close(self) -> None:
        """Give the connection back for good and end the thread."""
        self._thread.submit(_disconnect)
        self._thread.shutdown()


def _read(cursors: Mapping[UUID, int]) -> Page:
    seen = (list(cursors.keys()), list(cursors.values()))
    try:
        with connection.cursor() as cursor:
            cursor.execute(MISSED, [*seen, PAGE_BYTES, PAGE_ROWS])
            rows = cursor.fetchall()
    except Error:
        connection.close()
        raise
    # Not by model instances, which cost three times more.
    events = [_stored(EventRow._make((*row[:5], json.loads(row[5])))) for row in rows]
    return Page(events, is_last=not rows or len(rows) == rows[0][-1])


def _stored(row: EventRow) -> StoredEvent:
    is_terminal = row.status in TERMINAL
    return StoredEvent(row.order_id, row.sequence, is_terminal, frame_text(row))


def _disconnect() -> None:
    # The connection of the thread that runs this, not of the one that asks for it.
    connection.close()


def frame_text(event: OrderEvent | EventRow) -> str:
    return _encoder.encode(event_frame(event))
