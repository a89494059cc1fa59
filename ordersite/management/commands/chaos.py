"""The fault run: orders under every fault, and the proof that none is lost."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Sequence
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
from ordersite.chaos.verdict import Violation
from ordersite.console import Console
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse
from ordersite.isolation import (
    FAR_LIMITS,
    enter_installation,
    inhabited,
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
            self._run_in(folder, plan, keep=options["keep"])
        except CommandError:
            raise
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

    def _run_in(self, folder: Path, plan: Plan, *, keep: bool) -> None:
        """Run in a folder that is removed unless something broke."""
        self._say(f"seed {plan.seed}: {said(plan)}; logs in {folder}")
        try:
            with (
                inhabited(folder, settings.EMBEDDED.sockets, keep=keep),
                (folder / "console.log").open("w") as log,
            ):
                self.conclude(self._run(plan, Console(log)), plan.seed)
        finally:
            if folder.exists():
                self._say(f"the folder {folder} is kept")

    def _run(self, plan: Plan, console: Console) -> list[Violation]:
        house = House(
            console,
            slot_time_s=plan.slot_time_s,
            seed=plan.seed,
            workers=plan.workers,
            keepers=plan.keepers,
        )
        try:
            return run(plan, house, self._say)
        finally:
            connection.close()
            house.stop()

    def conclude(self, violations: Sequence[Violation], seed: int) -> None:
        """Say what a run broke. Raises CommandError, with BROKEN, when it broke anything."""
        for line in verdict_lines(violations, seed):
            self._say(line)
        if violations:
            raise CommandError(
                f"The fault run with seed {seed} broke rules.", returncode=BROKEN
            )

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
