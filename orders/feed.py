"""What waits to be sent over one socket, and how far that socket is in each order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from .history import StoredEvent

# What waits for one socket in this process; the rest waits in PostgreSQL.
ROOM = 256  # frames
ROOM_CHARACTERS = 128 * 1024  # or one frame that is longer
# Orders that ended, which the feed knows by: a repeated key brings one of them again.
ENDED_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One text frame; `ends_order` on the frame of an order's last event."""

    text: str
    ends_order: bool = False


class Feed:
    """A bounded queue of frames that takes each event of its orders once, in order."""

    def __init__(
        self, room: int = ROOM, room_characters: int = ROOM_CHARACTERS
    ) -> None:
        # The newest sequence taken of each order that has not ended here yet.
        self.cursors: dict[UUID, int] = {}
        self._ended: dict[UUID, None] = {}
        # Set when an event found no room: the events after it are refused too, until
        # the queue is empty and the hub reads them again.
        self.behind = False
        self._frames: asyncio.Queue[Frame] = asyncio.Queue(room)
        self._room_characters = room_characters
        self._waiting_characters = 0

    def knows(self, order_id: UUID) -> bool:
        """Say whether the feed follows an order, or followed it to its end lately."""
        return order_id in self.cursors or order_id in self._ended

    def offer(self, event: StoredEvent) -> bool:
        """Take the order's next event if there is room; refuse any other.

        An event beyond the next one was read for another socket, before this one
        subscribed or resumed: the hub's next look brings the ones between.
        """
        if event.sequence != self.cursors.get(event.order_id, -1) + 1:
            return False
        self.behind = self.behind or not self._has_room(event.text)
        if self.behind:
            return False
        self._frames.put_nowait(Frame(event.text, event.is_terminal))
        self._waiting_characters += len(event.text)
        if event.is_terminal:
            self._note_end(event.order_id)
        else:
            self.cursors[event.order_id] = event.sequence
        return True

    async def reply(self, text: str) -> None:
        """Put an answer behind the frames that wait, as soon as there is room."""
        await self._frames.put(Frame(text))
        self._waiting_characters += len(text)

    async def take(self) -> Frame:
        """Return the next frame, waiting for one."""
        frame = await self._frames.get()
        self._waiting_characters -= len(frame.text)
        return frame

    @property
    def may_resume(self) -> bool:
        """Whether events were refused and there is room for them now."""
        return self.behind and self._frames.empty()

    def _note_end(self, order_id: UUID) -> None:
        del self.cursors[order_id]
        self._ended[order_id] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    def _has_room(self, text: str) -> bool:
        if self._frames.empty():
            return True
        fits = self._waiting_characters + len(text) <= self._room_characters
        return fits and not self._frames.full()
