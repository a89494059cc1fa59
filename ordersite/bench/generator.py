"""The load generator, in a process of its own: so its cost is known apart.

    python -m ordersite.bench.generator

It reads one line, the plan, from its input, says `ready` when it has warmed up, begins
when it reads another line, says `ended N` on the way when asked to, `measured` when every
order has ended, and writes what it found as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

from .engine_client import EngineClient, latest_stored_s
from .idle import IdleSockets
from .plan import AFTER, LIVE, Plan
from .shapes import (
    carrying,
    closed_loop,
    load,
    read_histories,
    reading_lists,
    wait_until_quiet,
)

READY, MEASURED, PROGRESS = "ready", "measured", "ended"


@dataclass(frozen=True, slots=True)
class Task:
    """What the generator is told."""

    url: str
    bodies: list[str]
    plan: Plan
    key: str = ""  # with which it asks; none where everybody may

    def line(self) -> str:
        return json.dumps(asdict(self))


def read_task(line: str) -> Task:
    members = json.loads(line)
    plan = Plan(**members["plan"])
    return Task(members["url"], members["bodies"], plan, members["key"])


async def generate(task: Task) -> dict[str, Any]:
    """Carry out a plan and return its figures."""
    client = EngineClient(task.url, task.bodies, task.key)
    try:
        if task.plan.shape == "idle":
            return await _hold(client, task.plan)
        return await _load(client, task.plan)
    finally:
        await client.close()


async def _load(client: EngineClient, plan: Plan) -> dict[str, Any]:
    await _warm_up(client, plan)
    await _wait_for_go()
    client.tell_progress(lambda ended: _say(f"{PROGRESS} {ended}"), plan.every)
    cpu_began, began, began_at = time.process_time(), time.monotonic(), time.time()
    async with reading_lists(client, plan.readers) as lists_ms:
        await load(client, plan)
    cpu_s = time.process_time() - cpu_began
    await wait_until_quiet(client)
    _say(MEASURED)
    if plan.follow == AFTER:
        await read_histories(client, plan.concurrency)
    for order in client.orders:
        order.history.finish()
    heard = [o.ended_at for o in client.orders if o.ended_at and plan.follow != AFTER]
    last_stored = latest_stored_s(client.orders)
    return _figures(client) | {
        "last_heard_s": max(heard) - began if heard else None,
        "last_stored_s": last_stored - began_at if last_stored else None,
        "generator_cpu_s": cpu_s,
        "lists_ms": lists_ms,
        "ended_ms": [
            (o.ended_at - o.intended_at) * 1000
            for o in client.orders
            if o.ended_as == "confirmed" and plan.follow != AFTER
        ],
    }


async def _hold(client: EngineClient, plan: Plan) -> dict[str, Any]:
    sockets = IdleSockets(client, plan)
    await sockets.place_orders()
    await _wait_for_go()
    began, cpu_began = time.monotonic(), time.process_time()
    await sockets.open()
    opened_s = time.monotonic() - began
    _say(MEASURED)
    await asyncio.sleep(plan.hold_s)
    cpu_s = time.process_time() - cpu_began
    _say(MEASURED)
    found = _figures(client) | {
        "took_s": opened_s,
        "generator_cpu_s": cpu_s,
        "sockets_opened": sockets.opened,
        "sockets_heard": sockets.heard,
    }
    await sockets.close()
    return found


async def _warm_up(client: EngineClient, plan: Plan) -> None:
    """Have the processes load what they load at first use."""
    live = replace(plan, follow=LIVE)
    await closed_loop(client, plan.warmup, plan.concurrency, carrying(client, live))
    client.forget()


def _figures(client: EngineClient) -> dict[str, Any]:
    answered = [order for order in client.orders if order.answered_at]
    ends = Counter(o.ended_as for o in client.orders if o.ended_as)
    return {
        "placed": len(client.orders),
        "answered": len(answered),
        "answers_s": _span_s(client),
        "post_ms": [(o.answered_at - o.intended_at) * 1000 for o in answered],
        "ends": dict(ends),
        "events": asdict(client.counts),
        "errors": dict(client.errors),
    }


def _span_s(client: EngineClient) -> float:
    """Return how long it took from the first request to the last answer."""
    if not client.orders:
        return 0.0
    first = min(order.intended_at for order in client.orders)
    return max(max(order.answered_at for order in client.orders) - first, 0.0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _wait_for_go() -> None:
    _say(READY)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    task = read_task(sys.stdin.readline())
    found = asyncio.run(generate(task))
    _say(json.dumps(found))


if __name__ == "__main__":
    main()
