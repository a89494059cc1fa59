"""One integer, one run of the machine: the same each time."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Any

from hypothesis import Verbosity, settings
from hypothesis.stateful import get_state_machine_test

from .machine import Machine
from .promises import Violation

STEPS = 30
BYTES = 8_192
# Seeds to run instead of those that a test names, each with every rule shown.
GIVEN = [int(seed) for seed in os.environ.get("MACHINE_SEEDS", "").split()]

# Hypothesis reads the bytes as its choices: which rule is next, and with what.
_test: Any = get_state_machine_test(
    Machine,
    settings=settings(
        deadline=None,
        database=None,
        stateful_step_count=STEPS,
        verbosity=Verbosity.debug if GIVEN else Verbosity.normal,
    ),
)
_run = _test.hypothesis.fuzz_one_input


def run_seed(seed: int) -> None:
    """Run the machine once, by the choices of this seed. Raises Violation."""
    try:
        _run(random.Random(seed).randbytes(BYTES))
    except Violation as violation:
        violation.add_note(f"Replay it: MACHINE_SEEDS={seed}. The last calls were:")
        violation.add_note("\n".join(Machine.latest.writes.log[-60:]))
        raise


def run_seeds(seeds: Iterable[int]) -> None:
    """Run the machine by each of these seeds, or by those of MACHINE_SEEDS."""
    for seed in GIVEN or seeds:
        run_seed(seed)


def first_violation(seeds: Iterable[int]) -> tuple[int, str]:
    """Return the first seed that breaks a promise, and which; fail when none does."""
    for seed in seeds:
        try:
            run_seed(seed)
        except Violation as violation:
            return seed, violation.promise
    raise AssertionError("no seed broke a promise: the machine has a hole")
