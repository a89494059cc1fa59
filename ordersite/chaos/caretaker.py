"""The supervisor of a run: what was struck down starts again at once, or when it may."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

from ordersite.console import Console
from ordersite.embedded import Server
from ordersite.processes import Child, Health, Service, Supervisor

from .verdict import Violation


class Caretaker(Supervisor):
    """Restarts without delay, and tells deaths that the run caused from all others."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, at_once=True)
        self.caused: Counter[str] = Counter()
        self._down_until: dict[str, float] = {}

    def pid(self, name: str) -> int | None:
        """Return the process of a service; None while it is down."""
        service = self._service(name)
        if not service.running():
            return None
        process = service.process
        return None if process is None else process.pid

    def is_up_again(self, name: str) -> bool:
        """Whether what was struck down runs, and not only has not died yet."""
        deaths_are_seen = self.deaths[name] >= self.caused[name]
        return deaths_are_seen and self._service(name).running()

    def strike(self, name: str, number: signal.Signals, *, down_s: float = 0.0) -> None:
        """End a service that runs by a signal; it starts again after `down_s`."""
        process = self._service(name).process
        assert process is not None
        self._down_until[name] = time.monotonic() + down_s
        self.caused[name] += 1
        process.send_signal(number)

    def died_by_itself(self) -> Iterator[Violation]:
        """Iterate over what died more often than the run killed it."""
        for name, count in (self.deaths - self.caused).items():
            detail = f"{name} died {count} times by itself"
            yield Violation("process_died", None, detail)

    def _service(self, name: str) -> Child | Server:
        service = next(one for one in self.services if one.name == name)
        assert isinstance(service, Child | Server)
        return service

    def _revive(self, service: Service, health: Health, now: float) -> None:
        if now >= self._down_until.get(service.name, 0.0):
            super()._revive(service, health, now)
