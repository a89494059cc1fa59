"""Lift the halt of trading, with a reason that is recorded."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dex.errors import DexError
from dex.halting import lift_halt
from dex.management.database import advice


class Command(BaseCommand):
    help = (
        "Let the signer sign again after trading was halted. What was found while it was "
        "halted counts as accepted from then on: look at it first, in the admin or with "
        "`manage.py audit`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why trading may go on")
        parser.add_argument("--by", help="who says so (default: your login name)")

    def handle(self, *args: Any, **options: Any) -> None:
        by = options["by"] or getpass.getuser()
        try:
            halt = lift_halt(by=by, reason=options["reason"])
        except DexError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(advice(error)) from error
        self.stdout.write(f"Trading goes on. The halt was: {halt.reason}")
        if halt.violations:
            self.stdout.write(f"Accepted by {by} ({len(halt.violations)}):")
        for rule, subject, detail in halt.violations:
            self.stdout.write(f"  {rule}: {subject or '–'}: {detail}")
