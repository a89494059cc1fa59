"""Localnet's programs against the real ones, run in an in-process VM (LiteSVM).

Random transactions over few accounts, many of them wrong on purpose: both worlds must end
in the same error, logs, fee, calls and return data, and leave the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from solders.instruction import Instruction

from .differential import limits, loading, openings, others, tokens
from .differential.world import USERS, World, with_memo

Generator = Callable[[World], Instruction | list[Instruction]]
TOKENS: Sequence[Generator] = (
    tokens.associated,
    tokens.transfers,
    tokens.delegations,
    tokens.multisignatures,
    tokens.authorities,
    tokens.supply,
    tokens.closing,
    tokens.answers,
    openings.opening,
    openings.new_accounts,
    tokens.transfer_fees,
)
OTHERS: Sequence[Generator] = (
    others.lamports,
    others.accounts,
    others.memos,
    others.budgets,
    others.tables,
)
# One world in the long run.
WORLD_STEPS = 500


def run(seed: int, steps: int) -> dict[str, int]:
    """Run random transactions in one world; return how many ended in which way."""
    world = World(random.Random(seed))
    rng, endings = world.rng, {"succeeded": 0, "failed": 0, "never landed": 0}
    for step in range(steps):
        if rng.random() < 0.1:
            world.twins.advance(rng.choice([1, 1, 2, 600, 432_000]))
        world.refill()
        real, ours, what = send(world)
        assert ours.told() == real.told(), (seed, step, what, real, ours)
        if real.error is None:
            endings["succeeded"] += 1
        else:
            endings["failed" if real.logs else "never landed"] += 1
    return endings


def send(world: World) -> tuple[Any, Any, Any]:
    rng = world.rng
    if rng.random() < 0.12:
        maker = rng.choice([loading.message, loading.message, limits.message])
        message = maker(world)
        return *world.twins.run(message), message
    instructions = legs(world)
    payer = rng.choices(USERS, (10, 10, 3, 1))[0]
    return *world.twins.send(payer, instructions), instructions


def legs(world: World) -> list[Instruction]:
    """Return the instructions of one transaction, some with a mistake."""
    rng = world.rng
    made = rng.choice(TOKENS if rng.random() < 0.7 else OTHERS)(world)
    instructions = made if isinstance(made, list) else [made]
    if rng.random() < 0.2:
        instructions = with_memo(rng, instructions)
    if rng.random() < 0.2:
        more = rng.choice(TOKENS)(world)
        instructions = [*instructions, *(more if isinstance(more, list) else [more])]
    if rng.random() < 0.25:
        at = rng.randrange(len(instructions))
        for _ in range(rng.choice([1, 1, 1, 2])):
            instructions[at] = world.spoiled(instructions[at])
    return instructions


@pytest.mark.parametrize("seed", range(4))
def test_random_transactions_end_as_on_the_real_programs(seed):
    endings = run(seed, 400)

    assert min(endings.values()) > 5


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(100, 140))
def test_20_000_random_transactions_end_as_on_the_real_programs(seed):
    endings = run(seed, WORLD_STEPS)

    assert sum(endings.values()) == WORLD_STEPS
