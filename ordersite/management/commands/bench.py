"""The benchmark: orders per second, latencies, and what each order costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dex.errors import DexError
from ordersite.bench import report
from ordersite.bench.files import allow_files
from ordersite.bench.house import BenchHouse, environment_of
from ordersite.bench.machine import machine, versions
from ordersite.bench.options import OPTIONS, add_options
from ordersite.bench.plan import SHAPES, TARGETS, Plan, planned
from ordersite.bench.record import Record
from ordersite.bench.run import RunFailed, measure, problems, reach
from ordersite.child import bound
from ordersite.console import Console
from ordersite.development import development_key
from ordersite.embedded import EmbeddedError
from ordersite.exclusive import InUse
from ordersite.isolation import (
    enter_installation,
    leave_installation,
    new_installation,
)


class Command(BaseCommand):
    help = (
        "Measure the engine under load, each run in processes and a temporary folder of\n"
        "its own, and check every event of every order."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        out = options["out"] or settings.VAR_DIR / "bench" / "runs.jsonl"
        try:
            if options["plan"] is not None:
                self._run_here(options["plan"], out, options)
                return
            failed = self._run_all(_plans(options), out, options)
        except KeyboardInterrupt:
            raise CommandError("Stopped before the end.") from None
        if failed:
            raise CommandError(f"{failed} runs failed: see above.")

    def _run_all(self, plans: list[Plan], out: Path, options: dict[str, Any]) -> int:
        """Run each plan as often as asked; return how many runs failed."""
        failed = 0
        if not options["url"]:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        for plan in plans:
            allow_files(plan.sockets + plan.concurrency)
            done = _lines_of(out)
            for _ in range(options["repeat"]):
                if options["url"]:
                    failed += bool(self._at_url(plan, out, options))
                else:
                    failed += _in_a_house(plan, out, options) != 0
            records = [json.loads(line) for line in _lines_of(out)[len(done) :]]
            if len(records) > 1:
                self._say(f"{plan.shape}, {len(records)} runs:")
                for line in report.summary(records):
                    self._say(line)
        return failed

    def _at_url(self, plan: Plan, out: Path, options: dict[str, Any]) -> list[str]:
        url = options["url"].rstrip("/")
        # How many processes that has is not known here.
        load = replace(plan, web_processes=0, workers=0, keepers=0)
        self._say(f"{report.described(load)}; the engine at {url}")
        record = {"machine": machine(), "versions": versions(with_servers=False)}
        try:
            reach(url, options["key"])
            record |= measure(plan, url, root=options["up"], key=options["key"])
        except RunFailed as error:
            raise CommandError(str(error)) from error
        return self._finish(record, out, options)

    def _run_here(self, written: str, out: Path, options: dict[str, Any]) -> None:
        """Run a plan in a house of this process, whose settings are made for it."""
        folder = enter_installation(settings.VAR_DIR)
        if folder is None:
            raise CommandError("--plan is set by the command itself: see --help.")
        plan = Plan(**json.loads(written))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        where = folder if options["keep"] else f"{folder}, removed if all goes well"
        self._say(f"{report.described(plan)}; logs in {where}")
        broken = True
        try:
            with (folder / "console.log").open("w") as log:
                broken = bool(self._in_house(plan, Console(log), out, options))
        except (DexError, EmbeddedError, InUse, RunFailed) as error:
            raise CommandError(str(error)) from error
        finally:
            keep = broken or options["keep"]
            leave_installation(folder, settings.EMBEDDED.sockets, keep=keep)
            if keep:
                self._say(f"  the folder {folder} is kept")
        if broken:
            raise CommandError("The run failed: see above.")

    def _in_house(
        self, plan: Plan, console: Console, out: Path, options: dict[str, Any]
    ) -> list[str]:
        record: Record = {"machine": machine()}
        house = BenchHouse(console, plan)
        try:
            house.start()
            record["versions"] = versions(with_servers=True)
            record |= measure(
                plan,
                f"http://127.0.0.1:{settings.PORT}",
                root=os.getpid(),
                key=development_key(),
                claims=house.claims,
            )
            record["died"] = house.died()
        finally:
            house.stop()
        return self._finish(record, out, options)

    def _finish(self, record: Record, out: Path, options: dict[str, Any]) -> list[str]:
        """Write a run down; return what makes it a failed one."""
        found = problems(record)
        record |= {"label": options["label"], "problems": found}
        report.append(record, out)
        for line in (*report.lines(record), *(f"  FAILED: {what}" for what in found)):
            self._say(line)
        return found

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _plans(options: dict[str, Any]) -> list[Plan]:
    shapes = options["shapes"] or list(TARGETS)
    unknown = [shape for shape in shapes if shape not in SHAPES]
    if unknown:
        raise CommandError(f"{unknown[0]} is none of the shapes {', '.join(SHAPES)}.")
    members = [member for _, member, _, _ in OPTIONS]
    changes = {name: options[name] for name in (*members, "follow", "all_pairs")}
    for option, member, _, _ in OPTIONS:
        value = changes[member]
        if value is not None and value < 0:
            raise CommandError(f"{option} is 0 or more.")
        if value == 0 and option in ("--orders", "--concurrency", "--rate"):
            raise CommandError(f"{option} is above 0.")
    if options["url"] and "idle" in shapes:
        # Its workers would end the orders that idle sockets follow.
        changes["orders"] = 0
    plans = [planned(shape, **changes) for shape in shapes]
    if options["repeat"] < 1:
        raise CommandError("--repeat is above 0.")
    return plans


def _in_a_house(plan: Plan, out: Path, options: dict[str, Any]) -> int:
    """Run a plan in a process whose settings are those of a new installation."""
    _, environment = new_installation("dex-bench-")
    environment |= environment_of(plan)
    command = [
        *(sys.executable, "manage.py", "bench"),
        *("--plan", json.dumps(plan.written())),
        *("--out", str(out.resolve()), "--label", options["label"]),
        *(["--keep"] if options["keep"] else []),
    ]
    running = subprocess.Popen(
        bound(command, signal.SIGTERM), cwd=settings.BASE_DIR, env=environment
    )
    try:
        return running.wait()
    except KeyboardInterrupt:
        running.terminate()
        running.wait()
        raise


def _lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
