"""How far the chain can be by now, whatever one endpoint alone says of it."""

from __future__ import annotations

import pytest

from dex.solana.pace import CLOSE_SLOTS, MAX_AHEAD_SLOTS, MAX_BEHIND_SLOTS, ChainPace

SLOT_TIME_S = 0.5


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pace(time: Time) -> ChainPace:
    """Two endpoints that agree on slot 1,000."""
    made = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=2, clock=time)
    made.reached("a", 1_000)
    made.reached("b", 1_000)
    return made


def test_before_anything_is_shown_everything_can_be(time: Time):
    pace = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=2, clock=time)

    assert pace.admits(2**62)
    assert not pace.strays(2**62)


def test_the_chain_goes_on_at_its_pace_and_no_faster(pace: ChainPace, time: Time):
    assert pace.admits(1_000 + MAX_AHEAD_SLOTS)
    assert not pace.admits(1_001 + MAX_AHEAD_SLOTS)

    time.now_s += 10 * SLOT_TIME_S
    assert pace.admits(1_010 + MAX_AHEAD_SLOTS)
    assert not pace.admits(1_011 + MAX_AHEAD_SLOTS)


def test_a_slot_that_one_endpoint_made_up_makes_nobody_lag(pace: ChainPace, time: Time):
    pace.reached("a", 2**40)

    assert pace.newest == 1_000
    assert pace.strays(2**40)
    assert not pace.strays(1_000)


def test_a_slot_that_creeps_ahead_never_makes_an_honest_endpoint_lag(
    pace: ChainPace, time: Time
):
    honest, liar = 1_000, 1_000
    for _ in range(500):
        time.now_s += SLOT_TIME_S
        honest += 1
        for step in range(30):  # as far as it is believed
            if pace.admits(liar + step):
                farthest = liar + step
        liar = farthest
        pace.reached("a", liar)
        pace.reached("b", honest)
        assert not pace.strays(honest)
        assert pace.newest - honest <= MAX_BEHIND_SLOTS


def test_a_jump_counts_once_a_second_endpoint_shows_it_too(pace: ChainPace):
    pace.reached("a", 2_000)
    assert pace.newest == 1_000

    pace.show("b", 2_000 + CLOSE_SLOTS)
    pace.reached("a", 2_001)
    assert pace.newest >= 2_001
    assert pace.strays(1_000)


def test_what_both_have_passed_counts_though_they_are_far_apart(pace: ChainPace):
    pace.reached("a", 3_000)
    pace.reached("b", 2_000)

    assert pace.newest == 2_000
    assert pace.admits(2_000 + MAX_AHEAD_SLOTS)


def test_one_that_lags_holds_nobody_back(pace: ChainPace, time: Time):
    for slot in range(1_001, 1_100):
        time.now_s += SLOT_TIME_S
        pace.reached("a", 1_000)
        pace.reached("b", slot)

        assert (pace.newest, pace.strays(slot)) == (slot, False)
    assert pace.strays(1_000)


def test_of_two_that_differ_from_the_start_the_one_that_is_ahead_is_believed(
    time: Time,
):
    for slots in ((1_000, 5_000), (5_000, 1_000)):
        pace = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=2, clock=time)
        for name, slot in zip("ab", slots, strict=True):
            pace.reached(name, slot)

        assert pace.newest == 5_000
        assert pace.strays(1_000)


def test_one_that_lags_and_is_heard_of_late_makes_nobody_stray(time: Time):
    pace = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=2, clock=time)
    pace.reached("a", 5_000)
    time.now_s += 100 * SLOT_TIME_S
    pace.reached("b", 1_000)
    pace.reached("a", 5_100)

    assert (pace.newest, pace.strays(1_000)) == (5_100, True)


def test_of_three_the_two_that_agree_are_believed(time: Time):
    pace = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=3, clock=time)
    for name, slot in (("liar", 2**40), ("a", 1_000), ("b", 1_002)):
        pace.reached(name, slot)

    assert pace.newest == 1_002
    assert pace.strays(2**40)


def test_a_single_endpoint_is_believed_whatever_it_shows(time: Time):
    pace = ChainPace(slot_time_s=SLOT_TIME_S, endpoints=1, clock=time)
    for slot in (1_000, 50_000, 50_001):
        pace.reached("a", slot)
        assert (pace.newest, pace.strays(slot)) == (slot, False)


def test_what_was_taken_for_want_of_better_is_gone_by(pace: ChainPace):
    pace.believe(700)

    assert pace.newest == 700
    assert pace.strays(1_000)
