"""Carries out a schedule: begins each fault at its time and ends it at its time."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from django.conf import settings

from .caretaker import Caretaker
from .kills import Killer, Victim
from .nodes import Nodes
from .points import ANYWHERE
from .schedule import (
    FLUSH,
    FREEZE,
    KILL,
    NODE_CUT,
    NODE_RESET,
    NODE_STALL,
    POSTGRES_RESTART,
    REDIS_STALL,
    REDIS_STOP,
    WEB_KILL,
    Schedule,
    Strike,
)

REDIS, POSTGRES = "valkey", "postgres"


@dataclass
class Outage:
    """A stretch in which a server did not answer, by this machine's clock."""

    name: str
    began: datetime
    ended: datetime | None = None


@dataclass
class _InForce:
    """A fault that lasts, and how it is ended."""

    target: str
    until: float
    end: Callable[[], None]


class Striker:
    """Strikes as scheduled; what cannot be struck now is struck as soon as it can be.

    `open_orders` says how many orders have not ended.
    """

    def __init__(
        self,
        schedule: Schedule,
        caretaker: Caretaker,
        killer: Killer,
        nodes: Nodes,
        open_orders: Callable[[], int],
    ) -> None:
        self.struck: Counter[str] = Counter()
        # Of these, made while no order was open.
        self.idle: Counter[str] = Counter()
        self.frozen: list[Victim] = []
        self.outages: list[Outage] = []
        self._waiting = list(schedule.strikes)
        self._caretaker = caretaker
        self._killer = killer
        self._nodes = nodes
        self._open_orders = open_orders
        self._began: float | None = None
        self._in_force: list[_InForce] = []
        self._acts: dict[str, Callable[[str, Strike], bool]] = {
            KILL: self._kill,
            WEB_KILL: self._kill,
            FREEZE: self._freeze,
            FLUSH: self._flush,
            REDIS_STOP: self._stop_redis,
            REDIS_STALL: self._stall,
            POSTGRES_RESTART: self._restart_postgres,
            NODE_STALL: self._nodes_act,
            NODE_RESET: self._nodes_act,
            NODE_CUT: self._nodes_act,
        }

    def step(self) -> None:
        """Do what is due by now; the first call is the beginning of the run."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._killer.asking.step()
        self._killer.step()
        all(victim.read_held() for victim in self.frozen)
        self._end_those(lambda fault: now >= fault.until)
        self._note_recovered()
        for strike in [s for s in self._waiting if now - self._began >= s.at_s]:
            target = next(self._free(strike), None)
            if target is not None and self._acts[strike.kind](target, strike):
                self._waiting.remove(strike)
                self.struck[strike.kind] += 1
                self.idle[strike.kind] += not self._open_orders()

    @property
    def is_over(self) -> bool:
        """Whether every strike was made and nothing is in force any more."""
        outage = any(outage.ended is None for outage in self.outages)
        waits = self._waiting or self._in_force or outage
        return not waits and self._killer.asking.is_over

    def end(self) -> None:
        """End what is in force, at once."""
        self._end_those(lambda fault: True)
        for name in self._killer.asking.end():
            if (pid := self._caretaker.pid(name)) is not None:
                _wake(pid)

    def _free(self, strike: Strike) -> Iterator[str]:
        """Iterate over the targets that are up and that nothing else strikes now."""
        struck = {fault.target for fault in self._in_force}
        server = POSTGRES if strike.kind == POSTGRES_RESTART else REDIS
        for target in strike.targets or (server,):
            if target in struck or self._killer.asking.is_asked(target):
                continue
            if target.startswith("node") or self._caretaker.pid(target) is not None:
                yield target

    def _kill(self, target: str, strike: Strike) -> bool:
        self._killer.kill(target, strike)
        return True

    def _freeze(self, target: str, strike: Strike) -> bool:
        pid = self._caretaker.pid(target)
        assert pid is not None

        def then(reached: bool) -> None:
            if not reached:
                if self._caretaker.pid(target) != pid:
                    return
                os.kill(pid, signal.SIGSTOP)
            point = strike.point if reached else ANYWHERE
            self.frozen.append(Victim(target, pid, datetime.now(UTC), point))
            self._last(target, strike, lambda: _wake(pid))

        if strike.point:
            self._killer.asking.ask(target, strike.point, signal.SIGSTOP, then)
        else:
            then(False)
        return True

    def _flush(self, target: str, strike: Strike) -> bool:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1) as client:
            try:
                client.flushall()
            except redis.RedisError:  # it is just starting
                return False
        return True

    def _stop_redis(self, target: str, strike: Strike) -> bool:
        self._begin_outage(target)
        self._caretaker.strike(target, signal.SIGKILL, down_s=strike.lasts_s)
        return True

    def _stall(self, target: str, strike: Strike) -> bool:
        pid = self._caretaker.pid(target)
        assert pid is not None
        self._begin_outage(target)
        os.kill(pid, signal.SIGSTOP)
        self._last(target, strike, lambda: _wake(pid))
        return True

    def _restart_postgres(self, target: str, strike: Strike) -> bool:
        self._begin_outage(target)
        # What pg_ctl calls an immediate shutdown.
        self._caretaker.strike(target, signal.SIGQUIT)
        return True

    def _nodes_act(self, target: str, strike: Strike) -> bool:
        end = self._nodes.strike(target, strike.kind)
        if end is not None:
            self._last(target, strike, end)
        return True

    def _last(self, target: str, strike: Strike, end: Callable[[], None]) -> None:
        until = time.monotonic() + strike.lasts_s
        self._in_force.append(_InForce(target, until, end))

    def _end_those(self, which: Callable[[_InForce], bool]) -> None:
        for fault in [fault for fault in self._in_force if which(fault)]:
            self._in_force.remove(fault)
            fault.end()

    def _begin_outage(self, name: str) -> None:
        self.outages.append(Outage(name, datetime.now(UTC)))

    def _note_recovered(self) -> None:
        struck = {fault.target for fault in self._in_force}
        for outage in self.outages:
            if outage.ended is not None:
                continue
            if outage.name not in struck and self._caretaker.is_up_again(outage.name):
                outage.ended = datetime.now(UTC)


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
