"""What is written down of a run: rates, latencies, cost per order, memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .figures import percentiles
from .meter import GENERATOR, Memory, Meter
from .plan import Plan

Record = dict[str, Any]
Cpu = Mapping[str, float]


class Way:
    """CPU per order and memory on the way: whether they stay flat."""

    def __init__(self, meter: Meter) -> None:
        self.looks: list[Record] = []
        self.last_cpu = meter.cpu_ms()
        self._meter = meter
        self._last_ended = 0

    def look(self, ended: int) -> None:
        """Note what the orders since the last look cost, and the memory now."""
        cpu = self._meter.cpu_ms()
        since = {"placed": ended - self._last_ended}
        spent = cost_by_role(since, self.last_cpu, cpu)
        memory = mib(self._meter.memory())
        self.looks.append({"ended": ended, "cpu_ms_per_order": spent, "mib": memory})
        self.last_cpu, self._last_ended = cpu, ended


def rates(found: Record) -> Record:
    """Return counts, rates and percentiles of what the generator found."""
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


def per_order(found: Record, cpu_s: float) -> float:
    """Return milliseconds per order that was placed."""
    return round(cpu_s * 1000 / max(int(found["placed"]), 1), 3)


def cost(plan: Plan, found: Record, before: Cpu, after: Cpu) -> Record:
    """Return the CPU per order of what is measured, without what measures it."""
    return {"cpu_ms_per_order": cost_by_role(found, before, after)}


def cost_by_role(found: Record, before: Cpu, after: Cpu) -> dict[str, float]:
    return {
        role: per_order(found, (after[role] - before.get(role, 0.0)) / 1000)
        for role in sorted(after)
        if role != GENERATOR
    }


def idle(plan: Plan, found: Record, before: Cpu, after: Cpu) -> Record:
    """Return how idle sockets opened, and what it costs to hold them."""
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


def mib(held: Mapping[str, Memory]) -> Record:
    """Write memory by role, in MiB."""
    return {
        role: {
            "pss": round(memory.pss_mib, 1),
            "rss": round(memory.rss_mib, 1),
            "processes": memory.processes,
        }
        for role, memory in sorted(held.items())
    }


def claims_since(before: Mapping[str, int], after: Mapping[str, int]) -> Record:
    """Return the claims of this run by process; {} when they are not known."""
    return {name: count - before.get(name, 0) for name, count in after.items()}
