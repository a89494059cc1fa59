"""What one step of an order consists of, and what such a step must never be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from .errors import IllegalTransition
from .models import TRANSITIONS, AttemptState, Status


@dataclass(frozen=True, slots=True)
class AttemptOpening:
    """A signed transaction to be saved with the move to submitted. Base units."""

    number: int
    venue: str
    pool: str
    vault_in: str
    vault_out: str
    signature: str
    raw_transaction: bytes
    blockhash: str
    last_valid_block_height: int
    quoted_amount_out: int
    min_amount_out: int


@dataclass(frozen=True, slots=True)
class AttemptClosing:
    """What became of the live attempt: landed, errored, or proved expired."""

    state: AttemptState
    slot: int | None = None
    fee_lamports: int | None = None
    error_code: str = ""
    error: str = ""
    program: str = ""
    program_error: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one order, complete: the status, its event, and what goes with it.

    `fence` None means an act that holds no claim (a cancel, an operator's fail): it
    needs `live_attempt = 0` and takes the fence from whoever holds the order.
    `columns` are further columns of the order that the step writes: numbers, text or
    None. `is_progress` False means a step done again for a former holder: what killed
    that one may lie ahead, so the claims without progress go on being counted.
    """

    order_id: UUID
    to: Status
    expected: Collection[Status]
    fence: int | None
    attempt: int
    data: Mapping[str, Any]
    columns: Mapping[str, Any] | None = None
    opens: AttemptOpening | None = None
    closes: AttemptClosing | None = None
    is_progress: bool = True

    def check(self) -> None:
        """Raise IllegalTransition when no order may ever make this step: a bug."""
        for old in self.expected:
            if self.to not in TRANSITIONS[old]:
                raise IllegalTransition(f"{old} → {self.to} is not allowed")
        if (self.to == Status.SUBMITTED) != (self.opens is not None):
            raise IllegalTransition(
                "an order is submitted with its attempt, never without"
            )
        # Nothing leaves submitted before the chain has decided its attempt.
        if (Status.SUBMITTED in self.expected) != (self.closes is not None):
            raise IllegalTransition("leaving submitted closes the live attempt")
        if self.fence is None and (self.opens is not None or self.closes is not None):
            raise IllegalTransition(
                "only the holder of a claim opens or closes an attempt"
            )
        if self.closes is not None:
            self._check_end(self.closes.state)

    def _check_end(self, state: AttemptState) -> None:
        if (self.to == Status.CONFIRMED) != (state == AttemptState.LANDED):
            raise IllegalTransition("a swap that landed is confirmed, and nothing else")
        if state == AttemptState.LIVE:
            raise IllegalTransition(
                "an attempt that closes has landed, erred or expired"
            )
