"""One fault run from beginning to end, and what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from ordersite.development import development_key

from .bounds import late_events, late_recoveries
from .canary import Canary
from .client_log import compare
from .clients import Clients
from .conduct import AnyLoad, conduct, quiet_within_s
from .coverage import faults_without_orders, not_exercised
from .faults import Phase, schedule
from .house import House, landed
from .load import Load
from .paced import PacedLoad
from .recovery import client_lines, recovery_lines
from .report import figures
from .schedule import KINDS, Counts, Schedule
from .strikes import Striker
from .verdict import Violation, judge

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: each fault of the chain named for so long, and the strikes beside.

    `total` orders are spread over the run and followed by clients; with None instead,
    `orders` are in flight at any time.
    """

    faults: Sequence[str]
    total: int | None
    orders: int
    minutes: float
    seed: int
    slot_time_s: float
    workers: int
    keepers: int
    counts: Counts


def run(plan: Plan, house: House, say: Say) -> list[Violation]:
    """Carry out a plan in a house that is not started yet; stop its processes at the end.

    Returns what was broken. PostgreSQL and Valkey still run then.
    """
    house.start()
    phases = schedule(
        plan.faults,
        seconds=plan.minutes * 60,
        seed=plan.seed,
        control=house.control,
    )
    seconds = sum(phase.seconds for phase in phases)
    strikes = Schedule(plan.counts, house.holders, seconds=seconds, seed=plan.seed)
    clients = Clients(settings.PORT, seed=plan.seed, key=development_key())
    canary = Canary(settings.VAR_DIR, settings.REDIS_URL, settings.PORT)
    canary.probe()
    load = _load(plan, house, clients, seconds)
    striker = Striker(
        strikes, house.caretaker, house.killer, house.nodes, load.open_orders
    )
    try:
        _conduct(phases, load, striker, house, plan, say)
        canary.probe()
    finally:
        striker.end()
        clients.stop()
    house.stop_processes()
    connection.close()  # it may have been lost with a PostgreSQL that was restarted
    _report(load, striker, house, clients, say)
    _say_what_is_missing(plan, phases, load, striker, house, say)
    say(str(canary))
    return _judge(plan, striker, house, clients, canary)


def _judge(
    plan: Plan, striker: Striker, house: House, clients: Clients, canary: Canary
) -> list[Violation]:
    victims = [*house.killer.kills, *striker.frozen]
    violations = [
        *house.caretaker.died_by_itself(),
        *judge(landed()),
        *late_recoveries(victims, plan.slot_time_s),
        *canary.shown(frame for one in clients.everything for frame in one.frames),
    ]
    if plan.total is not None:
        violations += compare(clients.everything)
        violations += late_events(clients.everything, striker.outages)
    return violations


def _load(
    plan: Plan, house: House, clients: Clients, seconds: float
) -> Load | PacedLoad:
    if plan.total is None:
        return Load(house.place, in_flight=plan.orders, seed=plan.seed)
    return PacedLoad(clients, total=plan.total, seconds=seconds, seed=plan.seed)


def _conduct(
    phases: Sequence[Phase],
    load: AnyLoad,
    striker: Striker,
    house: House,
    plan: Plan,
    say: Say,
) -> None:
    def watch() -> None:
        striker.step()
        house.caretaker.watch_once()

    quiet_s = quiet_within_s(plan.slot_time_s)
    took_s = conduct(
        phases,
        load,
        quiet_s=quiet_s,
        watch=watch,
        say=say,
        is_over=lambda: striker.is_over,
    )
    if took_s is None:
        open_orders = load.open_orders()
        say(f"{open_orders} orders have not ended {quiet_s:.0f} s after the last fault")
    else:
        say(f"the last order ended {took_s:.1f} s after the last fault")


def _report(
    load: Load | PacedLoad,
    striker: Striker,
    house: House,
    clients: Clients,
    say: Say,
) -> None:
    for line in figures(load.placed):
        say(line)
    for phase, count in (+load.refused).items():
        say(f"{phase}: {count} orders were refused by the API")
    for kind in KINDS:
        if count := striker.struck[kind]:
            say(f"{kind} struck {count} times")
    for what, where in (
        ("killed", house.killer.at_points()),
        ("frozen", Counter(victim.point for victim in striker.frozen)),
    ):
        if where:
            places = ", ".join(f"{place} {n}" for place, n in sorted(where.items()))
            say(f"{what}: {places}")
    if house.killer.kills:
        for line in recovery_lines(house.killer.kills):
            say(line)
    if clients.tickets:
        for line in client_lines(clients.everything, striker.outages):
            say(line)


def _say_what_is_missing(
    plan: Plan,
    phases: Sequence[Phase],
    load: Load | PacedLoad,
    striker: Striker,
    house: House,
    say: Say,
) -> None:
    missing = [
        *not_exercised(
            plan.counts,
            striker.struck,
            striker.idle,
            killed=house.killer.kills,
            frozen=striker.frozen,
        ),
        *faults_without_orders(
            [phase.name for phase in phases], set(load.placed.values())
        ),
    ]
    if missing:
        say(f"not exercised: {'; '.join(missing)}")
