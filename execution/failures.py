"""What follows when an attempt fails: another attempt, or which end."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dex.types import VenueAnswer
from orders.models import Order, Status

MAX_ATTEMPTS = 3
FIRST_BACKOFF_MS = 500
MAX_BACKOFF_MS = 8_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; `code` is stable, `message` says what the user can do.

    Where a program refused it on chain, `program` names that one (raydium, token, …) and
    `program_error` is what it calls the error. Where no route was found, `answers` are
    what the venues said.
    """

    code: str
    message: str
    retryable: bool
    program: str = ""
    program_error: str = ""
    answers: tuple[VenueAnswer, ...] = ()

    @property
    def origin(self) -> dict[str, str]:
        """What an event says of the program that failed; nothing where none is known."""
        named = {"program": self.program, "programError": self.program_error}
        return {key: name for key, name in named.items() if name}


class AttemptFailed(Exception):
    """The attempt cannot go on; `failure` says why and whether another may."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class VenueMismatch(AttemptFailed):
    """The chain would pay something else than this venue quoted: do not use it."""

    def __init__(self, answer: VenueAnswer) -> None:
        super().__init__(Failure(answer.code, answer.reason, retryable=True))
        self.answer = answer


ALL_REFUTED = Failure(
    "quote_mismatch",
    "Every venue of this pair quoted another amount than the chain would pay, so nothing "
    "was signed. Try again later; if it stays so, this version does not know a new "
    "version of the venues' programs.",
    retryable=False,
)


def too_late(waited_for: str) -> Failure:
    """The deadline passed before anything was signed; `waited_for` is why, if known."""
    advice = "Place it again."
    if waited_for:
        advice = f"It waited: {waited_for} Place it again when that is over."
    return Failure(
        "deadline_passed",
        f"The order was not signed before its deadline. {advice}",
        retryable=True,
    )


def next_status(
    order: Order, failure: Failure, *, is_past_deadline: bool, may_sign: bool = True
) -> Status:
    """Choose between the next attempt (routing) and the ends; the first rule that holds.

    The floor is no case of its own: a quote below it is a failure that is not retryable.
    """
    if order.cancel_requested_at is not None:
        return Status.CANCELLED
    if not failure.retryable:
        return Status.FAILED
    if is_past_deadline:
        return Status.EXPIRED
    if order.attempt >= MAX_ATTEMPTS or not may_sign:
        return Status.FAILED
    return Status.ROUTING


def backoff_ms(attempt: int, rng: random.Random) -> int:
    """Wait about 0.5 s, 1 s, 2 s … before the attempt after `attempt`, at most 8 s.

    A quarter of jitter either way keeps orders that failed together apart.
    """
    base = min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS)
    return min(rng.randint(base * 3 // 4, base * 5 // 4), MAX_BACKOFF_MS)
