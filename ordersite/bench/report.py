"""What a run found, for people and as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from .plan import Plan
from .record import Record


def described(plan: Plan) -> str:
    """Return what a run does, on one line."""
    said = {
        "orders": plan.orders,
        "at once": plan.concurrency,
        "a second": plan.rate_per_s,
        "sockets": plan.sockets,
        "list readers": plan.readers,
        "web": plan.web_processes,
        "worker": plan.workers,
        "keeper": plan.keepers,
        "s landing delay": plan.landing_delay_s,
    }
    parts = [f"{value:g} {name}" for name, value in said.items() if value]
    return f"{plan.shape}: {', '.join(parts)}"


def lines(record: Record) -> Iterator[str]:
    """Iterate over the lines that are printed after a run."""
    if record["orders_per_s"] is not None:
        yield _line("orders/s", f"{record['orders_per_s']:g}  ({_ends(record)})")
    yield _line("placed/s", f"{record['placed_per_s']:g}")
    for name in ("post_ms", "confirmed_ms", "list_ms"):
        if record[name]:
            yield _line(name.replace("_", " "), _spread(record[name]))
    for name in ("last_heard_s", "last_stored_s"):
        if record[name]:
            what = name.replace("last_", "last ").removesuffix("_s")
            yield _line(what, f"{record[name]:g} s after the first POST")
    if "sockets_opened" in record:
        yield from _idle(record)
    else:
        yield from _cost(record)
    for look in record["way"]:
        yield _line(f"to {look['ended']}", _look(look))
    events = record["events"]
    counted = ("missed", "repeated", "reordered", "illegal")
    wrong = ", ".join(f"{events[kind]} {kind}" for kind in counted)
    yield _line("events", f"{events['events']}: {wrong}")
    if record["peak_mib"]:
        peaks = (
            f"{role} ×{peak['processes']} {peak['pss']:g} ({peak['rss']:g})"
            for role, peak in record["peak_mib"].items()
        )
        yield _line("peak MiB", f"PSS (largest RSS): {', '.join(peaks)}")
    if record["claims"]:
        yield _line("claims", _claims(record["claims"]))
    amounts = (f"{pair} {most}" for pair, most in record["amounts"].items())
    yield _line("at most", ", ".join(amounts))
    yield _line("machine", _members(record["machine"]))
    yield _line("versions", _members(record["versions"]))


def append(record: Record, file: Path) -> None:
    """Append a run to a file as one line of JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as runs:
        runs.write(json.dumps(record, ensure_ascii=False) + "\n")


def summary(records: list[Record]) -> Iterator[str]:
    """Iterate over lines that hold several runs of one plan against each other."""
    for name, unit in (("orders_per_s", "orders/s"), ("placed_per_s", "placed/s")):
        values = [record[name] for record in records if record[name]]
        if values:
            yield _line(unit, _range(values))
    totals = [
        sum(record["cpu_ms_per_order"].values())
        for record in records
        if record.get("cpu_ms_per_order")
    ]
    if totals:
        yield _line("CPU ms/order", _range(totals))


def _cost(record: Record) -> Iterator[str]:
    cpu = record["cpu_ms_per_order"]
    apart = (
        f"(apart: generator {record['generator_cpu_ms_per_order']:.2f}, "
        f"meter {record['meter_cpu_ms_per_order']:.2f})"
    )
    if not cpu:
        yield _line("CPU ms/order", f"of the engine not known {apart}")
        return
    by_role = ", ".join(f"{role} {ms:.2f}" for role, ms in cpu.items())
    yield _line("CPU ms/order", f"{sum(cpu.values()):.2f}: {by_role} {apart}")


def _look(look: Record) -> str:
    cpu = look["cpu_ms_per_order"]
    by_role = ", ".join(f"{role} {ms:.2f}" for role, ms in cpu.items())
    memory = ", ".join(f"{role} {mib['pss']:g}" for role, mib in look["mib"].items())
    return f"CPU ms/order {sum(cpu.values()):.2f}: {by_role}; PSS MiB {memory}"


def _idle(record: Record) -> Iterator[str]:
    yield _line(
        "sockets",
        f"{record['sockets_opened']} opened, {record['sockets_per_s']:g} a second; "
        f"{record['sockets_heard']} were sent their event",
    )
    cpu = record["cpu_percent_while_idle"]
    if cpu:
        shown = ", ".join(f"{role} {percent:g} %" for role, percent in cpu.items())
        yield _line("CPU while idle", shown)


def _ends(record: Record) -> str:
    ends = sorted(record["ends"].items(), key=lambda end: -end[1])
    return ", ".join(f"{count} {end}" for end, count in ends) or "none ended"


def _claims(claims: Mapping[str, int]) -> str:
    total = sum(claims.values())
    keepers = sum(n for name, n in claims.items() if name.startswith("keeper"))
    share = keepers / total if total else 0.0
    by_name = ", ".join(f"{name} {count}" for name, count in claims.items())
    return f"{by_name}; share of keepers {share:.1%}"


def _spread(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:g}" for name, value in values.items())


def _range(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}, median {median(values):.1f}"


def _members(members: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in members.items())


def _line(name: str, text: str) -> str:
    return f"  {name:14} {text}"
