"""What the benchmark calls wrong in a stream of events, and its percentiles."""

from __future__ import annotations

import random

import pytest

from ordersite.bench.checker import Counts, History
from ordersite.bench.figures import percentile, percentiles

HAPPY = [
    (1, "pending"),
    (2, "routing"),
    (3, "building"),
    (4, "submitted"),
    (5, "confirmed"),
]


def counted(events: list[tuple[int, str]]) -> tuple[int, int, int, int]:
    """Return how many events were missed, repeated, reordered and illegal."""
    counts = Counts()
    history = History(counts)
    for event in events:
        history.take(*event)
    history.finish()
    assert counts.events == len(events)
    return counts.missed, counts.repeated, counts.reordered, counts.illegal


def test_a_history_that_is_whole_and_in_order_has_nothing_wrong():
    assert counted(HAPPY) == (0, 0, 0, 0)
    retried = [*HAPPY[:4], (5, "routing"), (6, "building"), (7, "failed")]
    assert counted(retried) == (0, 0, 0, 0)


@pytest.mark.parametrize("lost", range(4))
def test_an_event_that_never_came_is_missed(lost):
    assert counted([*HAPPY[:lost], *HAPPY[lost + 1 :]]) == (1, 0, 0, 0)


def test_an_end_that_never_came_is_missed():
    assert counted(HAPPY[:4]) == (1, 0, 0, 0)
    assert counted([]) == (1, 0, 0, 0)


@pytest.mark.parametrize("twice", range(5))
def test_an_event_that_came_twice_is_repeated(twice):
    at_once = [*HAPPY[: twice + 1], HAPPY[twice], *HAPPY[twice + 1 :]]
    assert counted(at_once) == (0, 1, 0, 0)
    assert counted([*HAPPY, HAPPY[twice]]) == (0, 1, 0, 0)


def test_an_event_that_came_late_is_reordered_and_not_missed():
    assert counted([*HAPPY[:2], HAPPY[3], HAPPY[2], HAPPY[4]]) == (0, 0, 1, 0)
    assert counted([HAPPY[4], *HAPPY[:4]]) == (0, 0, 4, 0)


@pytest.mark.parametrize(
    "events",
    [
        [(1, "routing"), *HAPPY[1:]],
        [*HAPPY[:2], (3, "submitted"), (4, "confirmed")],
        [*HAPPY, (6, "failed")],
        [*HAPPY[:2], (3, "no such status"), (4, "failed")],
    ],
)
def test_a_move_that_is_not_allowed_is_illegal(events):
    assert counted(events)[3] == 1


def test_percentiles_are_exact_on_a_known_list():
    values = list(range(1, 101))
    random.Random(5).shuffle(values)
    known = {"p50": 50, "p95": 95, "p99": 99, "max": 100}

    assert percentiles(values) == known
    assert percentiles([7.04]) == dict.fromkeys(known, 7.0)
    assert percentiles([]) == {}
    assert [percentile([1, 2, 3, 4], percent) for percent in (50, 51, 75, 76)] == [
        *(2, 3, 3, 4)
    ]
