"""What a fault rule may say, and what is wrong with one that says anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dex.localnet.slots import MAX_LAG_SLOTS

MAX_DELAY_S = 86_400


class BadRule(ValueError):
    """A rule makes no sense; the message names every member that is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: whom it strikes, how often and for how long."""

    kind: str
    node: int | None = None
    probability: float = 1.0
    duration_s: float | None = None
    seed: int | None = None
    count: int | None = None
    slots: int = 0
    delay_s: float = 0.0
    until_last_valid: bool = False
    per_send: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rules of one network have to fit."""

    nodes: int
    slots_to_confirm: int


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# By JSON member: the attribute, what it must be, and how to say so.
Member = tuple[str, Callable[[Any], bool], str]
COMMON: dict[str, Member] = {
    "node": ("node", lambda v: _whole(v) and v >= 0, "the number of a node, from 0"),
    "probability": (
        "probability",
        lambda v: _number(v) and 0 <= v <= 1,
        "a number from 0 to 1",
    ),
    "durationS": (
        "duration_s",
        lambda v: _number(v) and v > 0,
        "a number of seconds above 0",
    ),
    "seed": ("seed", _whole, "a whole number"),
}
COUNT: dict[str, Member] = {
    "count": ("count", lambda v: _whole(v) and v > 0, "a whole number above 0")
}
DELAY: dict[str, Member] = {
    "delayS": (
        "delay_s",
        lambda v: _number(v) and 0 <= v <= MAX_DELAY_S,
        f"a number of seconds from 0 to {MAX_DELAY_S}",
    )
}
SLOTS: dict[str, Member] = {
    "slots": (
        "slots",
        lambda v: _whole(v) and 1 <= v <= MAX_LAG_SLOTS,
        f"a whole number from 1 to {MAX_LAG_SLOTS}",
    )
}
LAST_VALID: dict[str, Member] = {
    "untilLastValid": ("until_last_valid", lambda v: v is True, "true")
}
PER_SEND: dict[str, Member] = {
    "perSend": ("per_send", lambda v: isinstance(v, bool), "true or false")
}
# By kind: its own members, and those it cannot do without.
KINDS: dict[str, tuple[dict[str, Member], set[str]]] = {
    "drop": (PER_SEND | COUNT, set()),
    "landLate": (DELAY | LAST_VALID, set()),
    "errorAfterLanding": (COUNT, set()),
    "lag": (SLOTS, {"slots"}),
    "hide": ({}, set()),
    "unknownBlockhash": (SLOTS, {"slots"}),
    "slow": (DELAY | COUNT, {"delayS"}),
    "reset": (COUNT, set()),
    "tooManyRequests": (COUNT, set()),
    "serverError": (COUNT, set()),
    "halfAnswer": (COUNT, set()),
    "garbage": (COUNT, set()),
    "programError": ({}, set()),
    "fork": (SLOTS | DELAY | COUNT, {"slots", "delayS"}),
    "silentSocket": ({}, set()),
}


def parse_rule(values: Any, limits: Limits) -> Rule:
    """Read a rule as JSON gives it; null members count as absent. Raises BadRule."""
    if not isinstance(values, Mapping):
        raise BadRule(f"A fault rule is an object, not {values!r}.")
    given = {name: value for name, value in values.items() if value is not None}
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadRule(
            f"A fault's kind is {kind!r}; it must be one of {', '.join(KINDS)}."
        )
    own, needed = KINDS[kind]
    members = COMMON | own
    wrong = [f"{name} is needed" for name in sorted(needed - given.keys())]
    for name, value in given.items():
        if name not in members:
            wrong.append(f"{name} is not a member of this kind")
        elif not members[name][1](value):
            wrong.append(f"{name} is {value!r}; it must be {members[name][2]}")
    wrong += _misfits(kind, given, limits)
    if wrong:
        raise BadRule(f"The fault {kind} cannot be set: {'; '.join(wrong)}.")
    attributes = {members[name][0]: value for name, value in given.items()}
    return Rule(kind, **attributes)


def _misfits(kind: str, given: Mapping[str, Any], limits: Limits) -> list[str]:
    """Name what is wrong with the members taken together."""
    wrong = []
    node = given.get("node")
    if isinstance(node, int) and node >= limits.nodes:
        wrong.append(f"node is {node}; there are {limits.nodes} nodes, numbered from 0")
    if kind == "landLate" and ("delayS" in given) == ("untilLastValid" in given):
        wrong.append("one of delayS and untilLastValid is needed")
    if kind == "drop" and "count" in given and given.get("perSend") is not True:
        wrong.append("count is only for a drop with perSend")
    if kind == "fork" and "node" in given:
        wrong.append("node is given; a fork is of all nodes")
    if kind == "fork" and limits.slots_to_confirm < 1:
        wrong.append(
            "nothing is ever unconfirmed here; start localnet with --slots-to-confirm 1"
        )
    return wrong


def rule_as_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as `parse_rule` reads it, without what is at its default."""
    members = COMMON | KINDS[rule.kind][0]
    plain = Rule(rule.kind)
    return {"kind": rule.kind} | {
        name: getattr(rule, attribute)
        for name, (attribute, _, _) in members.items()
        if getattr(rule, attribute) != getattr(plain, attribute)
    }


def rule_from_text(text: str) -> dict[str, Any]:
    """Read `kind,member=value,…`, as a command line gives it. Raises BadRule."""
    kind, *parts = text.split(",")
    values: dict[str, Any] = {"kind": kind}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or name in values:
            raise BadRule(f"{part!r} in the fault {text!r} is no new member=value.")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values
