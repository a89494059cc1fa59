"""Halt trading, let it go on, or say how it stands."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dex.errors import DexError
from dex.halting import halt_by_operator, lift_halt, standing_halt
from dex.management.database import advice
from dex.models import TradingHalt


class Command(BaseCommand):
    help = (
        "Halt trading, let it go on, or say how it stands. While it is halted no order is "
        "accepted and nothing is signed; what was signed before is carried to its end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("status", help="say whether trading is active or halted")
        for name, what in (("halt", "must stop"), ("resume", "may go on")):
            action = actions.add_parser(name, help=f"{name} trading")
            action.add_argument("--reason", required=True, help=f"why trading {what}")
            action.add_argument("--by", help="who says so (default: your login name)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["action"]:
                case "halt":
                    self._halt(options["by"] or getpass.getuser(), options["reason"])
                case "resume":
                    self._resume(options["by"] or getpass.getuser(), options["reason"])
                case _:
                    self._status()
        except DexError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(advice(error)) from error

    def _halt(self, by: str, reason: str) -> None:
        halt_by_operator(by=by, reason=reason)
        self.stdout.write(
            "Trading is halted: nothing is signed from now on, and within a second no "
            "order is accepted."
        )

    def _resume(self, by: str, reason: str) -> None:
        halt = lift_halt(by=by, reason=reason)
        self.stdout.write(f"Trading goes on. The halt was: {halt.reason}")
        if halt.violations:
            self.stdout.write(f"Accepted by {by} ({len(halt.violations)}):")
        self._list(halt)

    def _status(self) -> None:
        halt = standing_halt()
        if halt is None:
            self.stdout.write("ACTIVE")
            return
        by = f" by {halt.begun_by}" if halt.begun_by else ""
        self.stdout.write(
            f"HALTED since {halt.began_at:%Y-%m-%d %H:%M:%S} UTC{by}: {halt.reason}"
        )
        self._list(halt)

    def _list(self, halt: TradingHalt) -> None:
        for rule, subject, detail in halt.violations:
            self.stdout.write(f"  {rule}: {subject or '–'}: {detail}")
