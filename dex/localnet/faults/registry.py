"""How this chain and its nodes misbehave: rules that strike, repeatable by their seeds."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Iterator
from typing import Any

from .rules import Limits, Rule, parse_rule, rule_as_json


class Fault:
    """A rule in force."""

    def __init__(self, rule: Rule, seed: int, ends_at: float | None) -> None:
        self.rule = rule
        self.ends_at = ends_at
        self.left = rule.count
        # Two kinds with one seed do not strike the same.
        self._seed = f"{seed}:{rule.kind}:{rule.node}"
        # What else the fault draws, such as which error it answers.
        self.rng = random.Random(self._seed)

    def strikes(self) -> bool:
        """Draw once; of a rule with a count each strike uses one up."""
        if self.left == 0 or self.rng.random() >= self.rule.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def chooses(self, subject: str) -> bool:
        """Say whether this subject is struck: the same answer each time."""
        drawn = hashlib.sha256(f"{self._seed}:{subject}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self.rule.probability * 2**64


class Faults:
    """The rules in force, by id."""

    def __init__(self, limits: Limits, now: Callable[[], float], seed: int = 0) -> None:
        self._limits = limits
        self._now = now
        self._seed = seed
        self._faults: dict[int, Fault] = {}
        self._next_id = 1
        self._switches: dict[str, int] = {}

    def add(self, rule: Any) -> int:
        """Put a rule (a JSON object) in force and return its id. Raises BadRule."""
        parsed = parse_rule(rule, self._limits)
        duration_s = parsed.duration_s
        ends_at = None if duration_s is None else self._now() + duration_s
        seed = self._seed if parsed.seed is None else parsed.seed
        identity, self._next_id = self._next_id, self._next_id + 1
        self._faults[identity] = Fault(parsed, seed, ends_at)
        return identity

    def clear(self, ids: Collection[int] | None = None) -> int:
        """Lift these rules (None: all) and return how many were in force."""
        self._forget_ended()
        lifted = [id for id in self._faults if ids is None or id in ids]
        for identity in lifted:
            del self._faults[identity]
        return len(lifted)

    def switch(self, name: str, rule: Any) -> None:
        """Put a rule in force in place of the last one of this name; None lifts that."""
        self.clear([self._switches.pop(name, 0)])
        if rule is not None:
            self._switches[name] = self.add(rule)

    def switched(self, name: str) -> Fault | None:
        """Return the fault that was put in force under a name, if it still is."""
        self._forget_ended()
        return self._faults.get(self._switches.get(name, 0))

    def listed(self) -> list[dict[str, Any]]:
        """Return every rule in force with its id and, where they end, what is left."""
        self._forget_ended()
        return [
            rule_as_json(fault.rule)
            | {"id": identity, "secondsLeft": self._seconds_left(fault)}
            | ({} if fault.left is None else {"countLeft": fault.left})
            for identity, fault in self._faults.items()
        ]

    def strike(self, kind: str, node: int | None = None) -> Fault | None:
        """Draw for one event; return the first fault of this kind that strikes it."""
        return next((f for f in self._of(kind, node) if f.strikes()), None)

    def chosen(self, kind: str, node: int | None, subject: str) -> Fault | None:
        """Return the fault that strikes this subject, the same each time it is asked."""
        return next((f for f in self._of(kind, node) if f.chooses(subject)), None)

    def drops(self, node: int, signature: str) -> bool:
        """Say whether a transaction that was just sent through a node is lost."""
        return any(
            fault.strikes() if fault.rule.per_send else fault.chooses(signature)
            for fault in self._of("drop", node)
        )

    def slots(self, kind: str, node: int, slot: int) -> int:
        """Return the largest `slots` of the faults that strike a node in `slot`."""
        if not self._faults:  # asked for dozens of times in each transaction
            return 0
        return max(
            (f.rule.slots for f in self._of(kind, node) if f.chooses(str(slot))),
            default=0,
        )

    def _of(self, kind: str, node: int | None) -> Iterator[Fault]:
        self._forget_ended()
        for fault in self._faults.values():
            if fault.rule.kind == kind and fault.rule.node in (None, node):
                yield fault

    def _seconds_left(self, fault: Fault) -> float | None:
        return None if fault.ends_at is None else fault.ends_at - self._now()

    def _forget_ended(self) -> None:
        if not self._faults:
            return
        now = self._now()
        ended = [
            identity
            for identity, fault in self._faults.items()
            if fault.left == 0 or (fault.ends_at is not None and fault.ends_at <= now)
        ]
        for identity in ended:
            del self._faults[identity]
