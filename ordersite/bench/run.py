"""One run: the generator beside the processes, and what both of them showed."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from django.conf import settings

from ordersite.child import bound
from ordersite.processes import python

from . import orders
from .generator import MEASURED, PROGRESS, READY, Task
from .meter import Meter
from .plan import Plan
from .record import Record, Way, claims_since, cost, idle, mib, per_order, rates

ANSWER_TIMEOUT_S = 5.0


class RunFailed(Exception):
    """The run could not be made, or its generator ended; the error stands above."""


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


def reach(url: str, key: str = "") -> None:
    """Raise RunFailed unless an engine answers at `url` and lets in who has the key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{url}/api/orders?limit=1", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S):
            pass
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise RunFailed(
                f"The engine at {url} does not let this key in ({error.code}). Give one "
                "that may read and trade with --key: see docs/access.md."
            ) from None
        return  # somebody answers; what it can do, the run shows
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise RunFailed(
            f"No engine answers at {url} ({error}). Start it with `make run`, and give "
            "the address that it prints."
        ) from error


def measure(
    plan: Plan,
    url: str,
    *,
    root: int | None,
    key: str = "",
    claims: Callable[[], Mapping[str, int]] = dict,
) -> Record:
    """Carry out a plan against the engine at `url`; return what is known of it.

    `root` is the process below which the engine's processes are, None when they are
    elsewhere; `key` is an API key that may read and trade; `claims` tells how many orders each of them has claimed. Raises RunFailed.
    """
    task = Task(url, orders.bodies(plan), plan, key)
    with generating(task) as generator:
        meter = Meter(root, generator.process.pid)
        generator.hear(READY)
        claimed = claims()
        own, began = time.process_time(), time.monotonic()
        way = Way(meter)
        cpu = [way.last_cpu]
        with meter.watching():
            generator.tell()
            # Idle sockets are measured twice: when they are open, and after a while.
            for _ in range(2 if plan.shape == "idle" else 1):
                while (line := generator.hear()) != MEASURED:
                    way.look(int(line.removeprefix(PROGRESS)))
                cpu.append(meter.cpu_ms())
        lasted_s, own = time.monotonic() - began, time.process_time() - own
        found = json.loads(generator.hear())
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": plan.written(),
        "amounts": orders.shown(plan),
        "seconds": round(lasted_s, 2),
        **rates(found),
        **(idle if plan.shape == "idle" else cost)(plan, found, *cpu[-2:]),
        "generator_cpu_ms_per_order": per_order(found, found["generator_cpu_s"]),
        "meter_cpu_ms_per_order": per_order(found, own),
        "peak_mib": mib(meter.peaks()),
        "way": way.looks,
        "claims": claims_since(claimed, claims()),
    }


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
