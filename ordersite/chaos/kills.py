"""kill -9, at any moment or at a named point, and what the killed process held."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from orders.models import OPEN, Order

from .caretaker import Caretaker
from .points import Wish
from .schedule import Strike

# A point that is not reached by then: the process is killed where it is.
POINT_WITHIN_S = 10.0
ANYWHERE = "anywhere"


@dataclass(eq=False)
class Kill:
    """One kill: of whom, when, where, and the orders whose lease it held then."""

    name: str
    pid: int
    at: datetime
    point: str
    held: list[UUID] | None = None  # None: the database could not be asked yet


@dataclass
class _Asked:
    """A process that was asked to die at a point."""

    pid: int
    point: str
    wish: Wish
    give_up_at: float


@dataclass
class Killer:
    """Kills processes of the run, and remembers each kill."""

    caretaker: Caretaker
    folder: Path
    point_within_s: float = POINT_WITHIN_S
    kills: list[Kill] = field(default_factory=list)
    _asked: dict[str, _Asked] = field(default_factory=dict)

    def wish(self, name: str) -> Path:
        """Return the file by which a process is asked to die."""
        return self.folder / name

    def is_asked(self, name: str) -> bool:
        return name in self._asked

    def kill(self, name: str, strike: Strike) -> None:
        """Kill a process that runs, at the strike's point if it comes by there."""
        pid = self.caretaker.pid(name)
        assert pid is not None
        if not strike.point:
            self._kill(name, pid)
            return
        wish = Wish(self.wish(name))
        wish.make(strike.point)
        give_up_at = time.monotonic() + self.point_within_s
        self._asked[name] = _Asked(pid, strike.point, wish, give_up_at)

    def step(self) -> None:
        """See who has died as asked, and read what the dead held."""
        for name, asked in list(self._asked.items()):
            if asked.wish.is_granted():
                del self._asked[name]
                self.caretaker.caused[name] += 1
                self._note(name, asked.pid, asked.point)
            elif time.monotonic() > asked.give_up_at and asked.wish.withdraw():
                del self._asked[name]
                if self.caretaker.pid(name) is not None:
                    self._kill(name, asked.pid)
        for kill in self.kills:
            if kill.held is None and not self._read_held(kill):
                return  # the database is away; the leases of the dead stay a while

    def at_points(self) -> Counter[str]:
        """Return how many died where."""
        return Counter(kill.point for kill in self.kills)

    @property
    def is_over(self) -> bool:
        return not self._asked

    def _kill(self, name: str, pid: int) -> None:
        self.caretaker.strike(name, signal.SIGKILL)
        self._note(name, pid, ANYWHERE)

    def _note(self, name: str, pid: int, point: str) -> None:
        held: list[UUID] | None = [] if name == "web" else None
        self.kills.append(Kill(name, pid, datetime.now(UTC), point, held))

    def _read_held(self, kill: Kill) -> bool:
        """Read it after the kill: the dead take and give up nothing any more."""
        try:
            mine = Order.objects.filter(
                lease_owner__contains=f":{kill.pid}:", status__in=OPEN
            )
            kill.held = list(mine.values_list("id", flat=True))
        except (OperationalError, InterfaceError):
            connection.close()
            return False
        return True
