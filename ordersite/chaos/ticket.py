"""One order as its client knows it: what was asked, what was answered, what was heard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from orders.models import TERMINAL
from ordersite.wishes import Wish


@dataclass(frozen=True, slots=True)
class Heard:
    """When an event was stored, since when its socket was open, and when it came."""

    stored: datetime
    open_since: datetime
    came: datetime


@dataclass(eq=False)
class Ticket:
    """Everything that a client was told of one order, frame by frame."""

    wish: Wish
    phase: str
    key: str = field(default_factory=lambda: str(uuid4()))
    order_id: UUID | None = None
    ws_url: str = ""
    frames: list[Mapping[str, Any]] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sockets: int = 0
    posts: int = 0
    answered_s: float | None = None  # the answer's time, of the request that got it
    is_over: bool = False

    @property
    def last_sequence(self) -> int:
        return int(self.frames[-1]["sequence"]) if self.frames else 0

    def accept(self, answer: Mapping[str, Any]) -> None:
        """Take the answer that the order is stored."""
        order_id = UUID(answer["orderId"])
        if self.order_id is not None and order_id != self.order_id:
            self.complain(f"its key was answered with {order_id} as well")
        self.order_id, self.ws_url = order_id, answer["wsUrl"]

    def take(self, frame: Mapping[str, Any], open_since: datetime) -> None:
        """Log an event as it came, right or wrong."""
        self.frames.append(frame)
        stored = datetime.fromisoformat(frame["timestamp"])
        self.heard.append(Heard(stored, open_since, datetime.now(UTC)))
        self.is_over = self.is_over or frame["status"] in TERMINAL

    def complain(self, what: str, *, ends: bool = False) -> None:
        """Note what the server must not do; `ends` when nothing more can be heard."""
        self.complaints.append(what)
        self.is_over = self.is_over or ends

    def refuse(self, problem: Mapping[str, Any]) -> bool:
        """Take an error; say whether the same request may be made again."""
        if int(problem.get("status", 400)) >= 500:
            return True
        self.complain(f"refused: {json.dumps(problem)}", ends=True)
        return False
