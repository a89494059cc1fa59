"""Whatever happens in whatever order, every promise holds at every moment."""

from __future__ import annotations

import random

import pytest

from .machine import Machine
from .seeds import run_seed, run_seeds

pytestmark = pytest.mark.usefixtures("machine_stage")

SHORT = range(50)


@pytest.mark.early
@pytest.mark.timeout(600)
def test_no_seed_breaks_a_promise():
    run_seeds(SHORT)


@pytest.mark.prove
@pytest.mark.timeout(0)
def test_none_of_five_thousand_fresh_seeds_breaks_a_promise():
    first = random.SystemRandom().randrange(10**9)
    print(f"the machine runs the seeds from {first} on")  # noqa: T201
    run_seeds(range(first, first + 5_000))


def test_a_seed_does_the_same_each_time():
    for seed in range(5):
        run_seed(seed)
        calls = Machine.latest.writes.log
        run_seed(seed)
        assert Machine.latest.writes.log == calls
