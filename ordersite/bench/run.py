"""One run: the generator beside the processes, and what both of them showed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from ordersite.child import bound
from ordersite.processes import python

from . import orders
from .figures import percentiles
from .generator import MEASURED, READY, Task
from .meter import GENERATOR, Meter
from .plan import Plan

Record = dict[str, Any]
Cpu = Mapping[str, float]


class RunFailed(Exception):
    """The generator ended before it could say anything; its error stands above."""


class Generator:
    """The load generator as a child process, one line at a time."""

    def __init__(self, task: Task) -> None:
        self.process = subprocess.Popen(
            bound(python("-m", "ordersite.bench.generator"), signal.SIGKILL),
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.tell(task.line())

    def tell(self, line: str = "go") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self, expected: str = "") -> str:
        """Wait for its next line. Raises RunFailed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().rstrip()
        if not line or (expected and line != expected):
            raise RunFailed(f"The load generator failed: see above. It said {line!r}.")
        return line


@contextmanager
def generating(task: Task) -> Iterator[Generator]:
    generator = Generator(task)
    try:
        yield generator
    finally:
        generator.process.kill()
        generator.process.communicate()


def measure(
    plan: Plan,
    url: str,
    *,
    root: int | None,
    claims: Callable[[], Mapping[str, int]] = dict,
) -> Record:
    """Carry out a plan against the engine at `url`; return what is known of it.

    `root` is the process below which the engine's processes are, None when they are
    elsewhere; `claims` tells how many orders each of them has claimed. Raises RunFailed.
    """
    task = Task(url, orders.bodies(plan), plan)
    with generating(task) as generator:
        meter = Meter(root, generator.process.pid)
        generator.hear(READY)
        claimed = claims()
        own, began = time.process_time(), time.monotonic()
        cpu = [meter.cpu_ms()]
        with meter.watching():
            generator.tell()
            # Idle sockets are measured twice: when they are open, and after a while.
            for _ in range(2 if plan.shape == "idle" else 1):
                generator.hear(MEASURED)
                cpu.append(meter.cpu_ms())
        lasted_s, own = time.monotonic() - began, time.process_time() - own
        found = json.loads(generator.hear())
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": plan.written(),
        "amounts": orders.shown(plan),
        "seconds": round(lasted_s, 2),
        **_rates(found),
        **(_idle if plan.shape == "idle" else _cost)(plan, found, *cpu[-2:]),
        "generator_cpu_ms_per_order": _per_order(found, found["generator_cpu_s"]),
        "meter_cpu_ms_per_order": _per_order(found, own),
        "peak_mib": _peaks(meter),
        "claims": _claims(claimed, claims()),
    }


def _rates(found: Record) -> Record:
    ended = sum(found["ends"].values())
    answers_s = found["answers_s"]
    heard, stored = found.get("last_heard_s"), found.get("last_stored_s")
    lasted = heard or stored
    return {
        "placed": found["placed"],
        "answered": found["answered"],
        "ends": found["ends"],
        "events": found["events"],
        "errors": found["errors"],
        "placed_per_s": round(found["answered"] / answers_s, 1) if answers_s else 0.0,
        "orders_per_s": round(ended / lasted, 1) if lasted else None,
        "last_heard_s": heard and round(heard, 3),
        "last_stored_s": stored and round(stored, 3),
        "post_ms": percentiles(found["post_ms"]),
        "confirmed_ms": percentiles(found.get("ended_ms", [])),
        "list_ms": percentiles(found.get("lists_ms", [])),
        "lists": len(found.get("lists_ms", [])),
    }


def _per_order(found: Record, cpu_s: float) -> float:
    return round(cpu_s * 1000 / max(int(found["placed"]), 1), 3)


def _cost(plan: Plan, found: Record, before: Cpu, after: Cpu) -> Record:
    """Return the CPU per order of what is measured, without what measures it."""
    return {
        "cpu_ms_per_order": {
            role: _per_order(found, (after[role] - before.get(role, 0.0)) / 1000)
            for role in sorted(after)
            if role != GENERATOR
        }
    }


def _idle(plan: Plan, found: Record, before: Cpu, after: Cpu) -> Record:
    hold_ms = plan.hold_s * 1000
    return {
        "sockets_opened": found["sockets_opened"],
        "sockets_heard": found["sockets_heard"],
        "sockets_per_s": round(found["sockets_opened"] / found["took_s"], 1),
        "cpu_percent_while_idle": {
            role: round((after[role] - before.get(role, 0.0)) / hold_ms * 100, 1)
            for role in sorted(after)
            if role != GENERATOR
        },
    }


def _peaks(meter: Meter) -> Record:
    return {
        role: {
            "pss": round(peak.pss_mib, 1),
            "rss": round(peak.rss_mib, 1),
            "processes": peak.processes,
        }
        for role, peak in sorted(meter.peaks().items())
    }


def _claims(before: Mapping[str, int], after: Mapping[str, int]) -> Record:
    """Return the claims of this run by process; {} when they are not known."""
    return {name: count - before.get(name, 0) for name, count in after.items()}


def problems(record: Record) -> list[str]:
    """Say what makes a run a failed one; orders that ended unhappily do not."""
    events = record["events"]
    found = [
        f"{events[kind]} events {kind}"
        for kind in ("missed", "repeated", "reordered", "illegal")
        if events[kind]
    ]
    found += [f"{count} × {what}" for what, count in record["errors"].items()]
    opened = record.get("sockets_opened")
    if opened is not None and opened != record["plan"]["sockets"]:
        found.append(f"only {opened} sockets were opened")
    found += [f"{name} died" for name in record.get("died", ())]
    return found
