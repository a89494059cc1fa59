"""The transactions of this process whose outcome is open, and who says what of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from dex.types import Expired, Landed, LandedWithError, Outcome, SignedTransaction

from .decoding import is_count
from .error_meanings import TransactionError

logger = logging.getLogger(__name__)

SETTLED = ("confirmed", "finalized")


@dataclass(slots=True, eq=False)
class Tracked:
    """One transaction, and what each endpoint has said of it."""

    transaction: SignedTransaction
    outcome: asyncio.Future[Outcome]
    resend: bool = False
    waiters: int = 0
    sent_at: float | None = None
    # Endpoints that know the signature, at whatever commitment.
    known_by: set[str] = field(default_factory=set)
    # Endpoints that show it with an error, at whatever commitment.
    failing_at: set[str] = field(default_factory=set)
    # What endpoints show for good: a success at commitment confirmed, or an error.
    landed: dict[str, Landed | LandedWithError] = field(default_factory=dict)
    contradicted: bool = False  # said in the log, once
    # Endpoints that showed it dead, with the slot at which each first did.
    dead_at: dict[str, int] = field(default_factory=dict)

    def forget_death(self, endpoint: str) -> None:
        """Take back what an endpoint showed: it knows the transaction after all."""
        for witness in (endpoint, again(endpoint)):
            self.dead_at.pop(witness, None)


def again(endpoint: str) -> str:
    """Name the second showing of a single endpoint."""
    return f"{endpoint} again"


class Watcher(Protocol):
    """Whoever is told, at once, what is followed and what no longer is."""

    def opened(self, tracked: Tracked) -> None: ...

    def closed(self, tracked: Tracked) -> None: ...


class Tracker:
    """Holds what is open, and decides an outcome from what the endpoints say.

    A success counts as soon as one endpoint shows it: nothing is signed after it. An
    error makes room for another attempt, so no endpoint is believed alone: a second one
    must show an error at confirmed, too, or show that the transaction can never land.
    The error of a single endpoint must be finalized. `can_be` says whether the chain can
    have reached a slot by now.
    """

    def __init__(
        self,
        endpoints: Collection[str],
        decode_error: Callable[[Any, bytes], TransactionError],
        can_be: Callable[[int], bool],
    ) -> None:
        self.watchers: list[Watcher] = []
        self._witnesses = min(len(endpoints), 2)
        self._error_levels = SETTLED if len(endpoints) > 1 else SETTLED[-1:]
        self._decode_error = decode_error
        self._can_be = can_be
        self._tracked: dict[str, Tracked] = {}
        self._occupied = asyncio.Event()
        self._failure: Exception | None = None

    @contextlib.contextmanager
    def follow(
        self, transaction: SignedTransaction, *, resend: bool
    ) -> Iterator[Tracked]:
        """Track a transaction while the caller waits for its outcome."""
        if self._failure is not None:
            raise self._failure
        signature = transaction.signature
        tracked = self._tracked.get(signature)
        if tracked is None:
            outcome = asyncio.get_running_loop().create_future()
            tracked = self._tracked[signature] = Tracked(transaction, outcome)
            for watcher in self.watchers:
                watcher.opened(tracked)
        tracked.waiters += 1
        tracked.resend = tracked.resend or resend
        self._occupied.set()
        try:
            yield tracked
        finally:
            tracked.waiters -= 1
            if not tracked.waiters:
                del self._tracked[signature]
                for watcher in self.watchers:
                    watcher.closed(tracked)
                if not self._tracked:
                    self._occupied.clear()

    async def open(self) -> list[Tracked]:
        """Return what is not decided yet; wait while that is nothing."""
        while True:
            await self._occupied.wait()
            undecided = self.undecided()
            if undecided:
                return undecided
            await asyncio.sleep(0)  # those who wait for them are about to leave

    def undecided(self) -> list[Tracked]:
        return [t for t in self._tracked.values() if not t.outcome.done()]

    @property
    def count(self) -> int:
        """How many transactions are followed."""
        return len(self._tracked)

    def find(self, signature: str) -> Tracked | None:
        """Return what is followed under this signature."""
        return self._tracked.get(signature)

    def is_open(self, signature: str) -> bool:
        return signature in self._tracked

    def hear(
        self, tracked: Tracked, endpoint: str, status: Any, context_slot: int
    ) -> None:
        """Take what getSignatureStatuses says at a slot; None: it knows nothing."""
        tracked.failing_at.discard(endpoint)
        if status is not None:
            tracked.known_by.add(endpoint)
            self._note(tracked, endpoint, status, context_slot)
        self.decide(tracked)

    def decide(self, tracked: Tracked) -> None:
        """Settle what the endpoints have shown to have landed; leave all else open."""
        if not tracked.landed or tracked.outcome.done():
            return
        said = list(tracked.landed.values())
        if len({type(outcome) for outcome in said}) > 1:
            self._note_contradiction(tracked)
        elif isinstance(said[0], Landed) or self._is_agreed(tracked):
            self._resolve(tracked, said[0])

    def declare_expired(self, tracked: Tracked) -> None:
        """Take the word of the death proof."""
        self._resolve(tracked, Expired(dict(tracked.dead_at)))

    def fail(self, error: Exception) -> None:
        """Tell everyone who waits, now and later, that no outcome will be known here."""
        self._failure = error
        for tracked in self._tracked.values():
            if not tracked.outcome.done():
                tracked.outcome.set_exception(error)

    def _note(
        self, tracked: Tracked, endpoint: str, status: Any, context_slot: int
    ) -> None:
        match status:
            case {"slot": slot, "err": None, "confirmationStatus": level}:
                # Whoever showed it dead may not have known yet.
                tracked.dead_at.clear()
                if level in SETTLED and self._is_past(slot, context_slot):
                    tracked.landed[endpoint] = Landed(slot)
            case {
                "slot": slot,
                "err": str() | dict() as error,
                "confirmationStatus": level,
            }:
                tracked.forget_death(endpoint)
                tracked.failing_at.add(endpoint)
                if level in self._error_levels and self._is_past(slot, context_slot):
                    decoded = self._decode_error(error, tracked.transaction.raw)
                    tracked.landed[endpoint] = LandedWithError(
                        slot,
                        decoded.code,
                        decoded.message,
                        decoded.retryable,
                        decoded.program,
                        decoded.name,
                    )
            case _:
                # It knows the signature, and says nothing that counts.
                tracked.dead_at.clear()

    def _is_past(self, slot: Any, context_slot: int) -> bool:
        """Whether it is a slot that the node, and the chain, can have reached."""
        return is_count(slot) and slot <= context_slot and self._can_be(slot)

    def _is_agreed(self, tracked: Tracked) -> bool:
        """Whether enough endpoints show that it swapped nothing and never will."""
        if tracked.known_by - tracked.failing_at - tracked.landed.keys():
            return False
        # An error at processed is no witness: a fork may take it back.
        return len(tracked.landed.keys() | tracked.dead_at.keys()) >= self._witnesses

    def _note_contradiction(self, tracked: Tracked) -> None:
        if not tracked.contradicted:
            tracked.contradicted = True
            logger.error(
                "endpoints contradict each other about %s, so its outcome stays open: %s",
                tracked.transaction.signature,
                tracked.landed,
            )

    def _resolve(self, tracked: Tracked, outcome: Outcome) -> None:
        if not tracked.outcome.done():
            tracked.outcome.set_result(outcome)
