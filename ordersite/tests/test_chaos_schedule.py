"""Which fault strikes when, and that a seed says it all."""

from __future__ import annotations

from collections import Counter

import pytest

from orders.claims import LEASE
from ordersite.chaos.points import ENGINE_POINTS, WEB_POINTS
from ordersite.chaos.schedule import (
    FREEZE,
    KILL,
    KINDS,
    REDIS_STOP,
    WEB_KILL,
    Counts,
    Schedule,
)

HOLDERS = ("worker-1", "worker-2", "keeper-1", "keeper-2")
COUNTS = Counts({KILL: 200, FREEZE: 50, WEB_KILL: 20, REDIS_STOP: 3}, longest_s=20)


def drawn(seed: int = 1, counts: Counts = COUNTS) -> Schedule:
    return Schedule(counts, HOLDERS, seconds=700, seed=seed)


def test_the_same_seed_draws_the_same_schedule_and_another_seed_another():
    assert drawn(1).strikes == drawn(1).strikes
    assert drawn(1).strikes != drawn(2).strikes


def test_each_fault_strikes_as_often_as_asked_over_the_whole_run():
    strikes = drawn().strikes
    assert Counter(s.kind for s in strikes) == dict(COUNTS.of)
    assert [s.at_s for s in strikes] == sorted(s.at_s for s in strikes)
    by_tenth = Counter(int(s.at_s // 70) for s in strikes if s.kind == KILL)
    assert by_tenth == dict.fromkeys(range(10), 20)


def test_a_long_run_comes_by_every_point_and_strikes_anywhere_too():
    strikes = drawn().strikes
    engine = Counter(s.point for s in strikes if s.kind == KILL)
    assert engine.keys() == {"", *ENGINE_POINTS}
    assert engine[""] == pytest.approx(80, abs=5)
    frozen = {s.point for s in strikes if s.kind == FREEZE}
    assert frozen == {"", *ENGINE_POINTS}
    web = {s.point for s in strikes if s.kind == WEB_KILL}
    assert web == {"", *WEB_POINTS}


def test_a_freeze_outlasts_the_lease_and_redis_is_away_no_longer_than_asked():
    strikes = drawn().strikes
    freezes = [s.lasts_s for s in strikes if s.kind == FREEZE]
    assert min(freezes) > LEASE.total_seconds()
    assert max(s.lasts_s for s in strikes if s.kind == REDIS_STOP) <= 20


def test_every_holder_is_struck_first_some_time_and_one_that_is_down_replaced():
    preferences = [s.targets for s in drawn().strikes if s.kind == KILL]
    assert {targets[0] for targets in preferences} == set(HOLDERS)
    assert all(set(targets) == set(HOLDERS) for targets in preferences)


def test_one_node_is_struck_at_a_time():
    strikes = drawn(counts=Counts(dict.fromkeys(KINDS, 5))).strikes
    nodes = [s.targets for s in strikes if s.kind.startswith("node")]
    assert len(nodes) == 15
    assert set(nodes) == {("node-0",), ("node-1",)}
