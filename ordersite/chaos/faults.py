"""What can go wrong, by name: rules for localnet that leave a chance to go on.

One node may hide a transaction or lag, never all of them: nobody would be left to show
what happened, and that is outside of what the engine promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Rule = Mapping[str, Any]
# Calls a method of localnet's once; None when the answer was lost.
Control = Callable[..., Any]

FAULTS: Mapping[str, Rule] = {
    "drop": {"probability": 0.2},
    "drop-each-send": {"kind": "drop", "perSend": True, "probability": 0.5},
    "landLate": {"delayS": 3, "probability": 0.4},
    "landLast": {"kind": "landLate", "untilLastValid": True, "probability": 0.2},
    "errorAfterLanding": {"probability": 0.4},
    "lag": {"node": 1, "slots": 20},
    "hide": {"node": 1, "probability": 0.5},
    "unknownBlockhash": {"node": 1, "slots": 20},
    "slow": {"delayS": 1.5, "probability": 0.3},
    "reset": {"probability": 0.2},
    "tooManyRequests": {"probability": 0.2},
    "serverError": {"probability": 0.2},
    "halfAnswer": {"probability": 0.2},
    "garbage": {"probability": 0.2},
    "programError": {"probability": 0.3},
    "fork": {"slots": 3, "delayS": 1, "probability": 0.2},
    "silentSocket": {},
}
# Together they would leave nothing that works: each strikes less often.
SHARE_TOGETHER = 0.3
ALL, EACH, NONE = "all", "each", "none"


class Trouble(Protocol):
    """Something that goes wrong between `begin` and `end`, and not after."""

    def begin(self) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True)
class Phase:
    """One stretch of the run with its troubles."""

    name: str
    troubles: tuple[Trouble, ...]
    seconds: float


@dataclass(frozen=True)
class ChainFaults:
    """Fault rules of localnet, put in force and lifted by its control methods."""

    rules: tuple[Rule, ...]
    control: Control

    def begin(self) -> None:
        for number, rule in enumerate(self.rules, 1):
            # An answer may be lost to the rules that are in force already.
            while self._in_force() < number:
                self.control("localnet_fault", rule)

    def end(self) -> None:
        while self._in_force():
            self.control("localnet_clearFaults")

    def _in_force(self) -> int:
        while True:
            rules = self.control("localnet_faults")
            if rules is not None:
                return len(rules)


def rule_of(name: str, seed: int, share: float = 1.0) -> Rule:
    """Return the rule of a fault; `share` of its probability, repeatable by the seed."""
    rule = {"kind": name, **FAULTS[name], "seed": seed}
    if share < 1:
        rule["probability"] = rule.get("probability", 1.0) * share
    return rule


def names_of(names: Iterable[str]) -> list[str]:
    """Return the names with every fault in the place of `each`."""
    return [one for name in names for one in (FAULTS if name == EACH else (name,))]


def schedule(
    names: Iterable[str], *, seconds: float, seed: int, control: Control
) -> list[Phase]:
    """Return a phase for each fault named; `each` stands for every one, alone.

    `all` is one phase with all of them together, `none` one without any, to compare
    with. Raises KeyError for other names.
    """
    phases = []
    for name in names_of(names):
        if name == ALL:
            rules = tuple(rule_of(fault, seed, SHARE_TOGETHER) for fault in FAULTS)
            phases.append(Phase(ALL, (ChainFaults(rules, control),), seconds))
            continue
        if name == NONE:
            phases.append(Phase(NONE, (), seconds))
            continue
        alone = ChainFaults((rule_of(name, seed),), control)
        phases.append(Phase(name, (alone,), seconds))
    return phases
