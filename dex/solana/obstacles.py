"""What keeps the outcome of a signed transaction from being known, for people to read.

Nothing is decided by it: an endpoint that is silent shows nothing, and the transaction
stays open until the others have shown enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dex.types import Landed

from .endpoint import Endpoint
from .health import Circuit
from .tracking import Tracked


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`code` is stable; `about` changes when it is another obstacle of that code."""

    code: str
    message: str
    about: tuple[str, ...]


def obstacle(tracked: Tracked, endpoints: Sequence[Endpoint]) -> Obstacle | None:
    """Say what an open transaction waits for; None while it may simply land."""
    silent = {e.name: e.health.error for e in endpoints if _is_silent(e)}
    if len(silent) == len(endpoints):
        return Obstacle(
            "chain_unreachable",
            f"No RPC endpoint answers ({_listed(silent)}). The transaction may have landed: "
            "the order goes on as soon as they show it.",
            tuple(silent),
        )
    if tracked.landed:
        return _of_an_error(tracked, endpoints)
    if tracked.dead_at:
        return _of_an_expiry(tracked, endpoints)
    return None


def _of_an_error(tracked: Tracked, endpoints: Sequence[Endpoint]) -> Obstacle:
    """Some show that it landed, and that settled nothing: an error needs a second word."""
    landed = {n for n, shown in tracked.landed.items() if isinstance(shown, Landed)}
    failed = sorted((tracked.failing_at | tracked.landed.keys()) - landed)
    if landed:
        return Obstacle(
            "endpoints_disagree",
            f"{_names(sorted(landed))} shows that it swapped, {_names(failed)} that it "
            "failed. Nothing else is signed until they agree: check which of them is wrong.",
            (*sorted(landed), "", *failed),
        )
    missing = _missing(tracked, endpoints, shown={*failed, *tracked.dead_at})
    return Obstacle(
        "failure_unproved",
        f"{_names(failed)} shows that the transaction failed on chain, and no endpoint is "
        f"believed alone ({_listed(missing)}). Nothing else is signed until another shows "
        "it, too.",
        tuple(map(": ".join, missing.items())),
    )


def _of_an_expiry(tracked: Tracked, endpoints: Sequence[Endpoint]) -> Obstacle:
    dead = [e.name for e in endpoints if e.name in tracked.dead_at]
    missing = _missing(tracked, endpoints, shown=set(dead))
    why = _listed(missing) or "it must show so once more, some slots later"
    return Obstacle(
        "expiry_unproved",
        f"{_names(dead)} shows that the transaction can never land any more, and no "
        f"endpoint is believed alone ({why}). Nothing else is signed until another shows "
        "it, too.",
        tuple(map(": ".join, missing.items())),
    )


def _missing(
    tracked: Tracked, endpoints: Sequence[Endpoint], *, shown: set[str]
) -> dict[str, str]:
    """Say of each endpoint that has not shown it what it does instead."""
    missing = {}
    for endpoint in endpoints:
        if endpoint.name in shown:
            continue
        if _is_silent(endpoint):
            missing[endpoint.name] = "does not answer"
        elif endpoint.name in tracked.known_by:
            missing[endpoint.name] = "knows the transaction"
        else:
            missing[endpoint.name] = "has not shown it yet"
    return missing


def _is_silent(endpoint: Endpoint) -> bool:
    return endpoint.health.circuit is not Circuit.CLOSED


def _names(names: Sequence[str]) -> str:
    return " and ".join(names)


def _listed(reasons: dict[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
