"""The options of a fault run: what each means, what it may be, and the plan they make."""

from __future__ import annotations

import random
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from . import schedule
from .faults import ALL, EACH, FAULTS, NONE, names_of
from .run import Plan

# How often each strikes: the option, the default of a run with --total, and what it is.
STRIKES = {
    schedule.KILL: ("--kills", 30, "kill -9 of a worker or keeper"),
    schedule.FREEZE: ("--freezes", 6, "SIGSTOP of a worker or keeper beyond its lease"),
    schedule.WEB_KILL: ("--web-kills", 4, "kill -9 of the web process"),
    schedule.FLUSH: ("--flushes", 2, "FLUSHALL of Redis"),
    schedule.REDIS_STOP: (
        "--redis-stops",
        1,
        "kill -9 of Redis, which stays away for a while",
    ),
    schedule.REDIS_STALL: ("--redis-stalls", 1, "SIGSTOP of Redis for a while"),
    schedule.POSTGRES_RESTART: (
        "--postgres-restarts",
        1,
        "immediate restarts of PostgreSQL",
    ),
    schedule.NODE_STALL: ("--node-stalls", 2, "stalls between the engine and a node"),
    schedule.NODE_RESET: ("--node-resets", 2, "resets of all connections to a node"),
    schedule.NODE_CUT: ("--node-cuts", 2, "cuts in the answers of a node for a while"),
}
NOT_PROVED = 2  # exit code; what argparse ends with, too
DEFAULT_TOTAL = 300
MOST_ORDERS, MOST_PROCESSES, MOST_STRIKES = 100_000, 32, 100_000
# What was struck down needs a moment until it can be struck again.
MOST_PER_S = 2.0


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of plan_of(), each with its default."""
    load = parser.add_mutually_exclusive_group()
    load.add_argument(
        "--total",
        type=_whole(1, MOST_ORDERS),
        help=f"orders in all, spread over the run and followed by clients over "
        f"WebSockets (default {DEFAULT_TOTAL})",
    )
    load.add_argument(
        "--orders",
        type=_whole(1, MOST_ORDERS),
        help="instead: orders in flight at any time, and no strikes unless asked for",
    )
    parser.add_argument(
        "--faults",
        type=_faults,
        default=f"{NONE},{EACH},{ALL}",
        help=f"with commas: {NONE}, {EACH} (each alone), {ALL} (all together), or "
        f"some of {', '.join(FAULTS)} (each alone) (default %(default)s)",
    )
    for option, default, what in STRIKES.values():
        parser.add_argument(
            option, type=_whole(0, MOST_STRIKES), help=f"{what} (default {default})"
        )
    _add_measures(parser)
    parser.add_argument(
        "--seed", type=int, help="repeats a run's choices (default: a random one)"
    )


def _add_measures(parser: ArgumentParser) -> None:
    """Declare how long things last, and how many processes there are."""
    processes = _whole(1, MOST_PROCESSES)
    for option, kind, default, what in (
        (
            *("--minutes", _number(1_440), 0.15),
            "how long each fault of the chain lasts; strikes fall at any time",
        ),
        (
            *("--longest", _number(3_600), 60.0),
            "seconds that Redis may be away or stalled at most",
        ),
        ("--workers", processes, 2, "workers, which carry orders out"),
        ("--keepers", processes, 2, "keepers, which take what no worker carries"),
        (
            *("--slot-time", _number(10), 0.2),
            "seconds; half of a real chain's, so that what is lost expires sooner",
        ),
    ):
        parser.add_argument(
            option, type=kind, default=default, help=f"{what} (default %(default)s)"
        )


def plan_of(options: dict[str, Any]) -> Plan:
    """Return what the options ask for. Raises CommandError for what no run can hold."""
    total = options["total"]
    if options["orders"] is None and total is None:
        total = DEFAULT_TOTAL
    seed = options["seed"]
    return Plan(
        faults=options["faults"],
        total=total,
        orders=1 if total is not None else options["orders"],
        minutes=options["minutes"],
        seed=random.SystemRandom().randrange(10**6) if seed is None else seed,
        slot_time_s=options["slot_time"],
        workers=options["workers"],
        keepers=options["keepers"],
        counts=schedule.Counts(_counts(options, total is not None), options["longest"]),
    )


def _counts(options: dict[str, Any], by_default: bool) -> dict[str, int]:
    seconds = len(names_of(options["faults"])) * options["minutes"] * 60
    most = max(int(seconds * MOST_PER_S), 1)
    counts = {}
    for kind, (option, default, _) in STRIKES.items():
        asked = options[option.removeprefix("--").replace("-", "_")]
        if asked is not None and asked > most:
            raise CommandError(
                f"{option} {asked}: a run of {seconds:.0f} s has room for {most}. Ask "
                "for fewer, or for more --minutes.",
                returncode=NOT_PROVED,
            )
        counts[kind] = asked if asked is not None else default * by_default
    return counts


def said(plan: Plan) -> str:
    """Return what will be done, on one line."""
    load = f"{plan.orders} orders in flight"
    if plan.total is not None:
        load = f"{plan.total} orders"
    strikes = [f"{n} {kind}" for kind, n in plan.counts.of.items() if n]
    return (
        f"{load}, {plan.workers} workers, {plan.keepers} keepers, {plan.minutes:g} min "
        f"for each of {','.join(plan.faults)}, slots of {plan.slot_time_s:g} s; "
        f"{', '.join(strikes) or 'no strikes'}"
    )


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        raise ArgumentTypeError(f"a whole number from {least} to {most}, not {text}")

    return read


def _number(most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if 0 < value <= most:  # which "nan" is not
            return value
        raise ArgumentTypeError(f"a number above 0 and up to {most:g}, not {text}")

    return read


def _faults(text: str) -> list[str]:
    names = text.split(",")
    known = (NONE, EACH, ALL, *FAULTS)
    if unknown := [name for name in names if name not in known]:
        raise ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
    return names
