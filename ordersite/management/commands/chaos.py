"""The fault run: orders under every fault, and the proof that none is lost."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from dex.errors import DexError
from ordersite.chaos.house import House, HouseFailed
from ordersite.chaos.options import NOT_PROVED, add_options, plan_of, said
from ordersite.chaos.report import verdict_lines
from ordersite.chaos.run import Plan, run
from ordersite.console import Console
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse
from ordersite.isolation import (
    FAR_LIMITS,
    enter_installation,
    leave_installation,
    new_installation,
)

BROKEN = 1  # exit code


class Command(BaseCommand):
    help = (
        "Carry orders through every fault, in processes and a temporary folder of its "
        "own, then compare table, ledger and what every client was told. Exit code 0: "
        "every rule holds; 1: one is broken; 2: nothing is proved (options, stopped, "
        "an error)."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)
        parser.add_argument("--keep", action="store_true", help="keep the folder")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = plan_of(options)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            folder = enter_installation(settings.VAR_DIR)
            if folder is None:
                _begin_again_in_a_folder_of_its_own(plan)
            broken = self._run_in(folder, plan, keep=options["keep"])
        except (DexError, EmbeddedError, HouseFailed, InUse) as error:
            raise CommandError(
                f"Nothing is proved: {error}", returncode=NOT_PROVED
            ) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped before the end: nothing is proved.", returncode=NOT_PROVED
            ) from None
        except Exception as error:
            self.stderr.write(traceback.format_exc())
            raise CommandError(
                "The fault run itself failed, see above: nothing is proved.",
                returncode=NOT_PROVED,
            ) from error
        if broken:
            raise CommandError(
                f"The fault run with seed {plan.seed} broke rules.", returncode=BROKEN
            )

    def _run_in(self, folder: Path, plan: Plan, *, keep: bool) -> bool:
        """Run in a folder that is removed unless something broke; return whether."""
        self._say(f"seed {plan.seed}: {said(plan)}; logs in {folder}")
        broken = True
        try:
            with (folder / "console.log").open("w") as log:
                broken = self._run(plan, Console(log))
        finally:
            keep = keep or broken
            leave_installation(folder, settings.EMBEDDED.sockets, keep=keep)
            if keep:
                self._say(f"the folder {folder} is kept")
        return broken

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


def _begin_again_in_a_folder_of_its_own(plan: Plan) -> NoReturn:
    """Replace this process by one whose settings are those of a new installation."""
    _, environment = new_installation("dex-chaos-")
    environment |= FAR_LIMITS
    environment["SLOT_TIME_S"] = f"{plan.slot_time_s:g}"
    again = [*sys.argv, "--seed", str(plan.seed)]
    os.execve(sys.executable, [sys.executable, *again], environment)
