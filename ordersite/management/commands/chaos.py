"""The fault run: orders under every fault of the chain, and the proof that none is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from dex.errors import DexError
from ordersite.chaos.faults import ALL, EACH, FAULTS, NONE
from ordersite.chaos.house import House, HouseFailed
from ordersite.chaos.run import Plan, run
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse
from ordersite.isolation import isolate
from ordersite.processes import Console

SHOWN = 20
NAMES = (NONE, EACH, ALL, *FAULTS)


class Command(BaseCommand):
    help = (
        "Carry orders through every fault that localnet knows, in processes and a "
        "temporary folder of its own, then compare table and ledger."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--orders", type=int, default=100, help="orders in flight at any time"
        )
        parser.add_argument(
            "--minutes", type=float, default=1.0, help="how long each fault lasts"
        )
        parser.add_argument(
            "--faults",
            default=f"{NONE},{EACH},{ALL}",
            help=f"with commas: {NONE}, {EACH} (each alone), {ALL} (all together), or "
            f"some of {', '.join(FAULTS)} (each alone)",
        )
        parser.add_argument("--seed", type=int, help="repeats a run's choices")
        parser.add_argument(
            "--slot-time",
            type=float,
            default=0.2,
            help="seconds; half of a real chain's, so that what is lost expires sooner",
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder")
        parser.add_argument("--folder", type=Path, help="(set by the command itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = _plan(options)
        if options["folder"] is None:
            _begin_again_in_a_folder_of_its_own(plan)
        folder: Path = options["folder"]
        said = f"{plan.orders} orders in flight, {plan.minutes:g} min for each of "
        said += f"{','.join(plan.faults)}, slots of {plan.slot_time_s:g} s"
        self.stdout.write(f"seed {plan.seed}: {said}; logs in {folder}")
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
            shutil.rmtree(settings.EMBEDDED.sockets, ignore_errors=True)
            if broken or options["keep"]:
                self.stdout.write(f"the folder {folder} is kept")
            else:
                shutil.rmtree(folder)
        if broken:
            raise CommandError(f"The fault run with seed {plan.seed} broke rules.")

    def _run(self, plan: Plan, console: Console) -> bool:
        """Run, and say what was broken; return whether anything was."""
        house = House(console, slot_time_s=plan.slot_time_s, seed=plan.seed)
        try:
            violations = run(plan, house, self._say)
        finally:
            connection.close()
            house.supervisor.stop()
        for violation in violations[:SHOWN]:
            self._say(str(violation))
        self._say(f"{len(violations)} rules broken (seed {plan.seed})")
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
    if options["orders"] < 1 or options["minutes"] <= 0 or options["slot_time"] <= 0:
        raise CommandError("--orders, --minutes and --slot-time are above 0.")
    seed = options["seed"]
    return Plan(
        faults=faults,
        orders=options["orders"],
        minutes=options["minutes"],
        seed=random.SystemRandom().randrange(10**6) if seed is None else seed,
        slot_time_s=options["slot_time"],
    )


def _begin_again_in_a_folder_of_its_own(plan: Plan) -> None:
    """Replace this process by one whose settings are those of a new installation."""
    folder = Path(tempfile.mkdtemp(prefix="dex-chaos-")).resolve()
    environment = dict(os.environ)
    isolate(environment, folder / "var")
    environment["SLOT_TIME_S"] = f"{plan.slot_time_s:g}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment["PORT"] = str(probe.getsockname()[1])
    again = [*sys.argv, "--seed", str(plan.seed), "--folder", str(folder)]
    os.execve(sys.executable, [sys.executable, *again], environment)
