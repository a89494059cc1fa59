"""Killing processes at named points, and telling such deaths from others."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.test import Client

from orders import queue
from orders.models import Order, Status
from orders.tests.helpers import make_order_at, make_token
from ordersite.chaos.armed import arm
from ordersite.chaos.caretaker import Caretaker
from ordersite.chaos.kills import Killer
from ordersite.chaos.nodes import Nodes
from ordersite.chaos.points import WEB_POINTS, Asking, Wish
from ordersite.chaos.schedule import (
    FREEZE,
    KILL,
    REDIS_STALL,
    Counts,
    Schedule,
    Strike,
)
from ordersite.chaos.strikes import Striker
from ordersite.console import Console
from ordersite.processes import Child

PASSES_BY = """
import sys, time
from pathlib import Path
from ordersite.chaos.points import Wish
wish = Wish(Path(sys.argv[1]))
print("up", flush=True)
while True:
    wish.reach("here")
    time.sleep(0.01)
"""
pytestmark = pytest.mark.django_db


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    """A killer over one worker that passes by the point "here" all the time."""
    caretaker = Caretaker(Console(io.StringIO()))
    killer = Killer(caretaker, Asking(tmp_path, within_s=0.3))
    child = Child(
        name="worker",
        command=[sys.executable, "-c", PASSES_BY, str(killer.asking.file("worker"))],
        environment=dict(os.environ),
        folder=Path(settings.BASE_DIR),
        log=tmp_path / "worker.log",
        console=Console(io.StringIO()),
    )
    caretaker.start(child)
    wait_for(lambda: child.log.exists())
    yield killer
    caretaker.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def kill(killer: Killer, point: str) -> None:
    killer.kill("worker", Strike(0, KILL, ("worker",), point=point))

    def is_made() -> bool:
        killer.asking.step()
        return killer.asking.is_over

    wait_for(is_made)
    wait_for(lambda: killer.caretaker.pid("worker") is None)


def unexplained(caretaker: Caretaker) -> list[str]:
    return [violation.detail for violation in caretaker.died_by_itself()]


def test_a_process_dies_at_the_point_that_was_named(killer: Killer):
    kill(killer, "here")
    killer.caretaker.watch_once()
    assert killer.at_points() == {"here": 1}
    assert unexplained(killer.caretaker) == []


def test_a_process_that_never_comes_by_is_killed_where_it_is(killer: Killer):
    kill(killer, "elsewhere")
    assert killer.at_points() == {"anywhere": 1}
    assert not killer.asking.file("worker").exists()


def test_the_dead_start_again_at_once(killer: Killer):
    first = killer.caretaker.pid("worker")
    kill(killer, "")
    killer.caretaker.watch_once()
    killer.caretaker.watch_once()
    assert killer.caretaker.pid("worker") not in (first, None)


def test_a_process_is_frozen_at_the_point_that_was_named_and_wakes(killer: Killer):
    pid = killer.caretaker.pid("worker")
    assert pid is not None
    schedule = Schedule(Counts({}), ["worker"], seconds=1, seed=1)
    schedule.strikes = [Strike(0, FREEZE, ("worker",), lasts_s=0.2, point="here")]
    striker = Striker(schedule, killer.caretaker, killer, Nodes(), lambda: 0)
    process = psutil.Process(pid)

    def is_frozen() -> bool:
        striker.step()
        return bool(process.status() == psutil.STATUS_STOPPED)

    wait_for(is_frozen)
    assert not striker.is_over
    wait_for(lambda: not is_frozen() and striker.is_over)
    assert [victim.point for victim in striker.frozen] == ["here"]
    assert killer.caretaker.pid("worker") == pid


def test_what_the_dead_held_is_read_from_their_leases(killer: Killer):
    pid = killer.caretaker.pid("worker")
    held, _ = make_order_at(Status.SUBMITTED)
    ended, _ = make_order_at(Status.FAILED)
    others, _ = make_order_at(Status.SUBMITTED)
    mine = Order.objects.filter(id__in=[held.id, ended.id])
    mine.update(lease_owner=f"worker@host:{pid}:0f0f0f0f")
    Order.objects.filter(id=others.id).update(lease_owner=f"worker@{pid}:77:{pid}")

    kill(killer, "")
    killer.step()

    assert [one.held for one in killer.kills] == [[held.id]]


def test_a_death_that_nobody_caused_is_a_violation(killer: Killer):
    kill(killer, "here")
    killer.caretaker.watch_once()
    killer.caretaker.watch_once()
    pid = killer.caretaker.pid("worker")
    assert pid is not None
    os.kill(pid, 9)
    wait_for(lambda: killer.caretaker.pid("worker") is None)
    killer.caretaker.watch_once()
    assert unexplained(killer.caretaker) == ["worker died 1 times by itself"]


def test_a_worker_that_dies_while_redis_is_away_is_a_violation_too(
    killer: Killer, tmp_path: Path
):
    caretaker = killer.caretaker
    caretaker.start(sleeping("valkey", tmp_path))
    schedule = Schedule(Counts({}), ["worker"], seconds=1, seed=1)
    schedule.strikes = [Strike(0, REDIS_STALL, lasts_s=60)]
    striker = Striker(schedule, caretaker, killer, Nodes(), lambda: 0)
    striker.step()
    assert striker.struck == striker.idle == {REDIS_STALL: 1}

    pid = caretaker.pid("worker")
    assert pid is not None
    os.kill(pid, 9)
    wait_for(lambda: caretaker.pid("worker") is None)
    striker.step()
    caretaker.watch_once()

    assert unexplained(caretaker) == ["worker died 1 times by itself"]
    striker.end()


def sleeping(name: str, folder: Path) -> Child:
    """A process that does nothing, under the name of one that the run strikes."""
    return Child(
        name=name,
        command=["sleep", "600"],
        environment=dict(os.environ),
        folder=Path(settings.BASE_DIR),
        log=folder / f"{name}.log",
        console=Console(io.StringIO()),
    )


def test_a_wish_is_granted_once_and_not_after_it_was_withdrawn(tmp_path: Path):
    wish = Wish(tmp_path / "worker")
    wish.make("here", signal.SIGKILL)
    assert wish.withdraw()
    wish.reach("here")  # nobody dies
    assert not wish.withdraw()
    assert not wish.is_granted()


@pytest.mark.django_db(transaction=True)
def test_the_web_process_comes_by_each_of_its_points(client: Client):
    make_token("A"), make_token("B")
    told: list[str] = []
    disarm = arm(told.append)
    try:
        answer = client.post(
            "/api/orders/execute",
            {
                "type": "market",
                "tokenIn": "A",
                "tokenOut": "B",
                "amountIn": 1,
                "slippage": 0.01,
            },
            content_type="application/json",
        )
    finally:
        disarm()
    assert answer.status_code == 201
    assert told == list(WEB_POINTS)


def test_disarmed_functions_are_the_products_own():
    before = queue.enqueue
    disarm = arm(lambda point: None)
    assert queue.enqueue is not before
    disarm()
    assert queue.enqueue is before
