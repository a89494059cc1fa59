"""The fault run: orders under every fault, and the proof that none is lost."""

from __future__ import annotations

import os
import random
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from dex.errors import DexError
from ordersite.chaos import schedule
from ordersite.chaos.faults import ALL, EACH, FAULTS, NONE
from ordersite.chaos.house import House, HouseFailed
from ordersite.chaos.report import verdict_lines
from ordersite.chaos.run import Plan, run
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse
from ordersite.isolation import (
    enter_installation,
    leave_installation,
    new_installation,
)
from ordersite.processes import Console

NAMES = (NONE, EACH, ALL, *FAULTS)
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
DEFAULT_TOTAL, DEFAULT_MINUTES = 300, 0.15


class Command(BaseCommand):
    help = (
        "Carry orders through every fault, in processes and a temporary folder of its "
        "own, then compare table, ledger and what every client was told."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        load = parser.add_mutually_exclusive_group()
        load.add_argument(
            "--total",
            type=int,
            help=f"orders in all, spread over the run and followed by clients over "
            f"WebSockets (default {DEFAULT_TOTAL})",
        )
        load.add_argument(
            "--orders",
            type=int,
            help="instead: orders in flight at any time, and no strikes unless asked for",
        )
        parser.add_argument(
            "--minutes",
            type=float,
            default=DEFAULT_MINUTES,
            help="how long each fault of the chain lasts; strikes fall at any time",
        )
        parser.add_argument(
            "--faults",
            default=f"{NONE},{EACH},{ALL}",
            help=f"with commas: {NONE}, {EACH} (each alone), {ALL} (all together), or "
            f"some of {', '.join(FAULTS)} (each alone)",
        )
        for option, default, what in STRIKES.values():
            parser.add_argument(option, type=int, help=f"{what} (default {default})")
        parser.add_argument(
            "--longest",
            type=float,
            default=60.0,
            help="seconds that Redis may be away or stalled at most",
        )
        parser.add_argument("--workers", type=int, default=2)
        parser.add_argument("--keepers", type=int, default=2)
        parser.add_argument("--seed", type=int, help="repeats a run's choices")
        parser.add_argument(
            "--slot-time",
            type=float,
            default=0.2,
            help="seconds; half of a real chain's, so that what is lost expires sooner",
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = _plan(options)
        folder = enter_installation(settings.VAR_DIR)
        if folder is None:
            _begin_again_in_a_folder_of_its_own(plan)
        else:
            self._run_in(folder, plan, keep=options["keep"])

    def _run_in(self, folder: Path, plan: Plan, *, keep: bool) -> None:
        self._say(f"seed {plan.seed}: {_said(plan)}; logs in {folder}")
        broken = True
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with (folder / "console.log").open("w") as log:
                broken = self._run(plan, Console(log))
        except (DexError, EmbeddedError, HouseFailed, InUse) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped before the end: nothing is proved.") from None
        finally:
            keep = keep or broken
            leave_installation(folder, settings.EMBEDDED.sockets, keep=keep)
            if keep:
                self._say(f"the folder {folder} is kept")
        if broken:
            raise CommandError(f"The fault run with seed {plan.seed} broke rules.")

    def _run(self, plan: Plan, console: Console) -> bool:
        """Run, and say what was broken; return whether anything was."""
        house = House(
            console,
            slot_time_s=plan.slot_time_s,
            seed=plan.seed,
            workers=plan.workers,
            keepers=plan.keepers,
        )
        try:
            violations = run(plan, house, self._say)
        finally:
            connection.close()
            house.stop()
        for line in verdict_lines(violations, plan.seed):
            self._say(line)
        return bool(violations)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _plan(options: dict[str, Any]) -> Plan:
    faults = options["faults"].split(",")
    unknown = [name for name in faults if name not in NAMES]
    if unknown:
        raise CommandError(
            f"--faults: {', '.join(unknown)} is none of {', '.join(NAMES)}."
        )
    total = options["total"]
    if options["orders"] is None and total is None:
        total = DEFAULT_TOTAL
    seed = options["seed"]
    plan = Plan(
        faults=faults,
        total=total,
        orders=1 if total is not None else options["orders"],
        minutes=options["minutes"],
        seed=random.SystemRandom().randrange(10**6) if seed is None else seed,
        slot_time_s=options["slot_time"],
        workers=options["workers"],
        keepers=options["keepers"],
        counts=schedule.Counts(_counts(options, total is not None), options["longest"]),
    )
    if min(plan.orders, 1 if total is None else total, plan.workers, plan.keepers) < 1:
        raise CommandError("--total, --orders, --workers and --keepers are above 0.")
    if min(plan.minutes, plan.slot_time_s, plan.counts.longest_s) <= 0:
        raise CommandError("--minutes, --slot-time and --longest are above 0.")
    return plan


def _counts(options: dict[str, Any], by_default: bool) -> dict[str, int]:
    counts = {}
    for kind, (option, default, _) in STRIKES.items():
        asked = options[option.removeprefix("--").replace("-", "_")]
        counts[kind] = asked if asked is not None else default * by_default
        if counts[kind] < 0:
            raise CommandError(f"{option} is 0 or more.")
    return counts


def _said(plan: Plan) -> str:
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


def _begin_again_in_a_folder_of_its_own(plan: Plan) -> None:
    """Replace this process by one whose settings are those of a new installation."""
    _, environment = new_installation("dex-chaos-")
    environment["SLOT_TIME_S"] = f"{plan.slot_time_s:g}"
    again = [*sys.argv, "--seed", str(plan.seed)]
    os.execve(sys.executable, [sys.executable, *again], environment)
