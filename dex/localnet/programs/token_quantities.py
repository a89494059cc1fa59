"""How an instruction carries the amount it moves: alone, or with the mint's decimals."""

from __future__ import annotations

from collections.abc import Callable

from .invocation import Invocation
from .token_checks import unpack

# Takes an amount in base units and the decimals that are expected; None: not checked.
Move = Callable[[Invocation, int, int | None], None]
Instruction = Callable[[Invocation, bytes], None]


def unchecked(move: Move) -> Instruction:
    """Return the instruction that carries the amount alone."""

    def run(call: Invocation, body: bytes) -> None:
        (amount,) = unpack(call, "<Q", body)
        move(call, amount, None)

    return run


def checked(move: Move) -> Instruction:
    """Return the instruction that carries the amount and the mint's decimals."""

    def run(call: Invocation, body: bytes) -> None:
        amount, decimals = unpack(call, "<QB", body)
        move(call, amount, decimals)

    return run
