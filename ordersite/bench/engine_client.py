"""The engine's API as the load generator uses it: no work that the checks do not need."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import aiohttp

from orders.statuses import TERMINAL, Status

from .checker import Counts, History

PATH = "/api/orders/execute"
CLOSE_DONE = 1000
HEADERS = {"Content-Type": "application/json"}
# Far above anything that a run should show; what takes longer is an error of its own.
TIMEOUT_S = 120.0
OPEN = ",".join(status for status in Status.values if status not in TERMINAL)
# One address has some 28,000 ports, and each socket takes one.
SOCKETS_PER_ADDRESS = 20_000

FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class Ordered:
    """One order as its client knows it. Times are seconds of the monotonic clock."""

    __slots__ = (
        "answered_at",
        "ended_as",
        "ended_at",
        "history",
        "intended_at",
        "stored_at",
        "ws_url",
    )

    def __init__(self, intended_at: float, counts: Counts) -> None:
        self.intended_at = intended_at
        self.answered_at = 0.0
        self.ended_at = 0.0
        # When its last event was stored, by the database's clock.
        self.stored_at = ""
        self.ended_as = ""
        self.ws_url = ""
        self.history = History(counts)

    def take(self, frame: dict[str, Any]) -> bool:
        """Note an event; say whether it ends the order now."""
        status = frame["status"]
        self.history.take(frame["sequence"], status)
        if status not in TERMINAL or self.ended_as:
            return False
        self.ended_at = time.monotonic()
        self.stored_at = frame["timestamp"]
        code = frame["data"].get("code", "")
        self.ended_as = f"{status} {code}".strip()
        return True


class EngineClient:
    """One HTTP client for all orders of a run, and what went wrong on the way."""

    def __init__(self, url: str, bodies: Sequence[str], key: str = "") -> None:
        self.counts = Counts()
        self.orders: list[Ordered] = []
        # What kept an order from being placed or heard, by its kind.
        self.errors: Counter[str] = Counter()
        self._url = url + PATH
        self._list_url = f"{url}/api/orders"
        self._bodies = itertools.cycle([body.encode() for body in bodies])
        self._credentials = {"Authorization": f"Bearer {key}"} if key else {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._ended = self._every = 0
        self._tell: Callable[[int], None] = lambda ended: None

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()

    def forget(self) -> None:
        """Begin to count anew, after the warm-up."""
        self.counts, self.orders, self.errors = Counts(), [], Counter()
        self._ended = 0

    def tell_progress(self, tell: Callable[[int], None], every: int) -> None:
        """Have `tell` told how many orders have ended, whenever so many more have."""
        self._tell, self._every = tell, every

    def take(self, order: Ordered, frame: dict[str, Any]) -> bool:
        """Note an event of an order; say whether it ends it now."""
        if not order.take(frame):
            return False
        self._ended += 1
        if self._every and self._ended % self._every == 0:
            self._tell(self._ended)
        return True

    def next_body(self) -> bytes:
        return next(self._bodies)

    def new_order(self, intended_at: float | None = None) -> Ordered:
        """Note an order that is to be placed now, or was to be at `intended_at`."""
        now = time.monotonic() if intended_at is None else intended_at
        order = Ordered(now, self.counts)
        self.orders.append(order)
        return order

    async def place(self, order: Ordered) -> bool:
        """Post an order; say whether it is stored."""
        try:
            async with self.session().post(
                self._url, data=self.next_body(), headers=HEADERS
            ) as response:
                answer = await response.read()
        except FAILURES as error:
            self.errors[f"POST {type(error).__name__}"] += 1
            return False
        if response.status != 201:
            self.errors[f"POST {response.status}"] += 1
            return False
        order.answered_at = time.monotonic()
        order.ws_url = json.loads(answer)["wsUrl"]
        return True

    async def follow(self, order: Ordered) -> None:
        """Hear an order at its own socket, until the server closes that."""
        try:
            async with self.socket(order.ws_url) as socket:
                async for message in socket:
                    frame = json.loads(message.data)
                    if "sequence" in frame:
                        self.take(order, frame)
                    else:
                        self.errors[f"frame {frame.get('code')}"] += 1
        except FAILURES as error:
            self.errors[f"socket {type(error).__name__}"] += 1
            return
        if socket.close_code != CLOSE_DONE:
            self.errors[f"socket closed {socket.close_code}"] += 1

    def socket(self, url: str = "", number: int = 0) -> Any:
        """Open a WebSocket as a context; without `url` one that takes orders."""
        session = self.session(number // SOCKETS_PER_ADDRESS)
        return session.ws_connect(url or self._url, max_msg_size=0)

    async def read_list(self, query: str) -> list[Any]:
        """Read one page of orders; an error is counted, and nothing is returned."""
        try:
            async with self.session().get(f"{self._list_url}?{query}") as response:
                answer = await response.read()
        except FAILURES as error:
            self.errors[f"GET {type(error).__name__}"] += 1
            return []
        if response.status != 200:
            self.errors[f"GET {response.status}"] += 1
            return []
        orders: list[Any] = json.loads(answer)["orders"]
        return orders

    async def is_quiet(self) -> bool:
        """Say whether every order of the engine has ended. Raises FAILURES."""
        url = f"{self._list_url}?status={OPEN}&limit=1"
        async with self.session().get(url) as response:
            return response.status == 200 and not (await response.json())["orders"]

    def session(self, address: int = 0) -> aiohttp.ClientSession:
        """Return the session of a source address; the first leaves it to the kernel."""
        while len(self._sessions) <= address:
            number = len(self._sessions)
            source = (f"127.0.1.{number}", 0) if number else None
            self._sessions.append(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, local_addr=source),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    headers=self._credentials,
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            )
        return self._sessions[address]


def latest_stored_s(orders: Sequence[Ordered]) -> float:
    """Return when the last of the orders ended in the database, as a time of day."""
    return max(
        (
            datetime.fromisoformat(o.stored_at).timestamp()
            for o in orders
            if o.stored_at
        ),
        default=0.0,
    )
