"""One fault run from beginning to end, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .conduct import conduct, quiet_within_s
from .faults import schedule
from .house import House
from .load import Load
from .report import figures
from .verdict import Violation, judge


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: each fault named for so long, with so many orders in flight."""

    faults: Sequence[str]
    orders: int
    minutes: float
    seed: int
    slot_time_s: float


def run(plan: Plan, house: House, say: Callable[[str], None]) -> list[Violation]:
    """Carry out a plan in a house that is not started yet; stop its processes at the end.

    Returns what was broken. PostgreSQL and Valkey still run then.
    """
    house.start()
    load = Load(house.place, in_flight=plan.orders, seed=plan.seed)
    phases = schedule(
        plan.faults,
        seconds=plan.minutes * 60,
        seed=plan.seed,
        control=house.control,
    )
    quiet_s = quiet_within_s(plan.slot_time_s)
    took_s = conduct(
        phases, load, quiet_s=quiet_s, watch=house.supervisor.watch_once, say=say
    )
    if took_s is None:
        say(
            f"{load.open_orders()} orders have not ended {quiet_s:.0f} s after the last"
        )
    else:
        say(f"the last order ended {took_s:.1f} s after the last fault")
    house.stop_processes()
    for line in figures(load.placed):
        say(line)
    for phase, count in (+load.refused).items():
        say(f"{phase}: {count} orders were refused by the API")
    deaths = [
        Violation("process_died", None, f"{name} died {count} times")
        for name, count in house.supervisor.deaths.items()
    ]
    return deaths + judge(house.landed())
