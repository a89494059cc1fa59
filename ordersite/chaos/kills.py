"""kill -9, at any moment or at a named point, and what the killed process held."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from orders.models import OPEN, Order

from .caretaker import Caretaker
from .points import ANYWHERE, Asking
from .schedule import Strike


@dataclass(eq=False)
class Victim:
    """Who was killed or frozen, when, where, and the orders whose lease it held then."""

    name: str
    pid: int
    at: datetime
    point: str
    held: list[UUID] | None = None  # None: the database could not be asked yet

    def read_held(self) -> bool:
        """Read it after the strike: the struck take and give up nothing any more.

        Returns False while the database is away.
        """
        if self.held is not None:
            return True
        try:
            mine = Order.objects.filter(
                lease_owner__contains=f":{self.pid}:", status__in=OPEN
            )
            self.held = list(mine.values_list("id", flat=True))
        except (OperationalError, InterfaceError):
            connection.close()
            return False
        return True


@dataclass
class Killer:
    """Kills processes of the run, and remembers each kill."""

    caretaker: Caretaker
    asking: Asking
    kills: list[Victim] = field(default_factory=list)

    def kill(self, name: str, strike: Strike) -> None:
        """Kill a process that runs, at the strike's point if it comes by there."""
        pid = self.caretaker.pid(name)
        assert pid is not None

        def then(reached: bool) -> None:
            if reached:
                self.caretaker.caused[name] += 1
                self._note(name, pid, strike.point)
            elif self.caretaker.pid(name) is not None:
                self._kill(name, pid)

        if strike.point:
            self.asking.ask(name, strike.point, signal.SIGKILL, then)
        else:
            self._kill(name, pid)

    def step(self) -> None:
        """Read what the dead held."""
        for kill in self.kills:
            if not kill.read_held():
                return  # the database is away; the leases of the dead stay a while

    def at_points(self) -> Counter[str]:
        """Return how many died where."""
        return Counter(kill.point for kill in self.kills)

    def _kill(self, name: str, pid: int) -> None:
        self.caretaker.strike(name, signal.SIGKILL)
        self._note(name, pid, ANYWHERE)

    def _note(self, name: str, pid: int, point: str) -> None:
        held: list[UUID] | None = [] if name == "web" else None
        self.kills.append(Victim(name, pid, datetime.now(UTC), point, held))
