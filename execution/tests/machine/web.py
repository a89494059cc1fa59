"""The web process: the hub, and clients who follow their orders and reconnect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from uuid import UUID

from orders import history
from orders.feed import Feed
from orders.history import HistoryReader, Page
from orders.hub import Hub
from orders.models import OrderEvent

from .gates import Gate, Lost
from .loop import StillLoop
from .promises import hold


class GatedReader(HistoryReader):
    """Reads the history where the machine can see and delay it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def read(self, cursors: Mapping[UUID, int]) -> Page:
        wanted = dict(cursors)
        with contextlib.suppress(Lost):
            return await self._gate.call("_read", lambda: history._read(wanted))
        raise ConnectionError("the database is away")

    async def rest(self) -> None:
        """There is nothing to give back: the connection is the machine's."""

    def close(self) -> None:
        """There is no thread to end."""


class Client:
    """Follows one order over one socket after another, and writes down what it sees."""

    def __init__(self, order_id: UUID) -> None:
        self.order_id = order_id
        self.log: list[str] = []
        self._feed: Feed | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def last_sequence(self) -> int:
        return json.loads(self.log[-1])["sequence"] if self.log else 0

    def connect(self, hub: Hub) -> None:
        """Open a socket where the last one ended."""
        self._feed = Feed(room=3)
        self._reading = hub.loop.create_task(self._read(hub, self._feed))
        hub.subscribe(self._feed, self.order_id, self.last_sequence)

    def disconnect(self, hub: Hub) -> None:
        if self._feed is not None and self._reading is not None:
            hub.unsubscribe(self._feed)
            self._reading.cancel()

    def check(self) -> None:
        """Hold that it saw the events from the first on, each once and in order."""
        seen = [json.loads(text)["sequence"] for text in self.log]
        hold(
            "clients_see_each_event_once",
            seen == list(range(1, len(seen) + 1)),
            f"{self.order_id}: {seen}",
        )

    def check_whole(self) -> None:
        """Hold that its log is the table, byte for byte."""
        events = OrderEvent.objects.filter(order_id=self.order_id).order_by("sequence")
        table = [history.frame_text(event) for event in events]
        hold("clients_see_the_table", self.log == table, f"{self.log} is not {table}")

    async def _read(self, hub: Hub, feed: Feed) -> None:
        while True:
            self.log.append((await feed.take()).text)
            if feed.may_resume:
                hub.resume(feed)


class Web:
    """One web process after another, and its clients."""

    def __init__(self, loop: StillLoop) -> None:
        self._loop = loop
        self.clients: list[Client] = []
        self._dead: list[Hub] = []
        self.start()

    def start(self) -> None:
        """Start a process; clients of the last one connect again."""
        self.gate = Gate()
        self.hub = self._loop.do(self._open())
        for client in self.clients:
            client.connect(self.hub)
        self._loop.settle()

    def restart(self) -> None:
        self.gate.end()
        self._dead.append(self.hub)
        for client in self.clients:
            client.disconnect(self.hub)
        self.start()

    def follow(self, order_id: UUID) -> None:
        client = Client(order_id)
        self.clients.append(client)
        client.connect(self.hub)
        self._loop.settle()

    def reconnect(self, client: Client) -> None:
        client.disconnect(self.hub)
        client.connect(self.hub)
        self._loop.settle()

    def read(self, *, fails: bool = False) -> bool:
        """Let one query of the hub happen; False when none is asked for."""
        if not self.gate.open_calls:
            return False
        call = self.gate.waiting.pop(0)
        if fails:
            call.lose()
        else:
            call.perform()
            call.tell()
        self._loop.settle()
        return True

    async def _open(self) -> Hub:
        return Hub(self._loop, GatedReader(self.gate))
