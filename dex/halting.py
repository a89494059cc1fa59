"""The halt: who begins it, what it rests on, and how an operator lifts it.

The auditor halts trading when a rule is broken, an operator whenever there is reason to.
The Chain row alone says whether trading is halted, because the signer reads it before
every signature. A TradingHalt records each halt, with the violations that were found while
it stood. Lifting it accepts these, so that the same finding does not halt trading again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from .errors import HaltRefused, LiftRefused, TradingHalted
from .guard_changes import ENGINE, record_change
from .models import Chain, Rule, TradingHalt

logger = logging.getLogger(__name__)

# Asked before every signature, so not put together anew by the ORM each time.
HALTED = "SELECT halted_reason FROM dex_chain WHERE id = 1 AND halted_at IS NOT NULL"
NO_REASON = "Halted by hand, without a reason."
# Not read where it only matters which halt it is: there may be thousands of them.
BRIEF = ("violations",)
ACTIVE, HALTED_STATE = "active", "halted"  # as they are recorded

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that something broke: an order, a transaction by its signature, or a mint.

    `rule` is a stable snake_case name. `subject` None: nothing in particular.
    """

    rule: str
    subject: UUID | str | None
    detail: str

    @property
    def pair(self) -> Pair:
        """What an operator accepts, whatever the detail says next time."""
        return self.rule, str(self.subject or "")

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject or '–'}: {self.detail}"


def halt_trading(reason: str, violations: Iterable[Violation] = ()) -> None:
    """Stop the signer until an operator lifts it.

    While a halt stands its reason stays, and `violations` are added to it.
    """
    with transaction.atomic():
        chain = Chain.objects.select_for_update().filter(id=1).first()
        if chain is None:
            return
        if chain.halted_at is None:
            _begin(chain, ENGINE, reason)
        halt = _record_of(chain)
        known = _pairs(halt)
        new = {v.pair: v.detail for v in violations if v.pair not in known}
        if new:
            halt.violations += [[*pair, detail] for pair, detail in new.items()]
            halt.save(update_fields=["violations"])


def halt_by_operator(*, by: str, reason: str) -> TradingHalt:
    """Stop the signer, and new orders, until an operator lifts the halt.

    Raises HaltRefused without a reason, while a halt stands, and before the database has
    met its chain.
    """
    reason = reason.strip()
    if not reason:
        raise HaltRefused("Say why trading must stop: the reason is recorded.")
    with transaction.atomic():
        chain = Chain.objects.select_for_update().filter(id=1).first()
        if chain is None:
            raise HaltRefused(
                "This database has not met its chain yet, so nothing trades."
            )
        if chain.halted_at is not None:
            raise HaltRefused(f"Trading is halted already: {chain.halted_reason}")
        return _begin(chain, by, reason)


def check_not_halted() -> None:
    """Raise TradingHalted while trading is halted. The signer asks before each signature."""
    with connection.cursor() as cursor:
        cursor.execute(HALTED)
        halted = cursor.fetchone()
    if halted is not None:
        (reason,) = halted
        raise TradingHalted(f"Trading is halted: {reason}")


def standing_halt(defer: Collection[str] = ()) -> TradingHalt | None:
    """Return the halt that stands now, None when trading is allowed.

    One that was set in the Chain row by hand has no record yet: it gets one, so that it
    can be looked at and lifted like any other. The fields to `defer` are read when they
    are asked for.
    """
    chain = Chain.objects.filter(id=1, halted_at__isnull=False).first()
    return None if chain is None else _record_of(chain, defer=defer)


def lift_halt(*, by: str, reason: str, seen: int | None = None) -> TradingHalt:
    """Allow trading again, and accept what was found while the halt stood.

    `seen` is how many violations the operator was shown. Raises LiftRefused when no halt
    stands, without a reason, and when more than `seen` were found meanwhile.
    """
    reason = reason.strip()
    if not reason:
        raise LiftRefused("Say why trading may go on: the reason is recorded.")
    with transaction.atomic():
        chain = Chain.objects.select_for_update().filter(id=1).first()
        if chain is None or chain.halted_at is None:
            raise LiftRefused("Trading is not halted.")
        halt = _record_of(chain)
        found = len(halt.violations)
        if seen is not None and found > seen:
            raise LiftRefused(
                f"{found - seen} more violations were found meanwhile. Look at them first."
            )
        TradingHalt.objects.filter(id=halt.id).update(
            lifted_at=Now(), lifted_by=by, lifted_reason=reason
        )
        Chain.objects.filter(id=1).update(halted_at=None, halted_reason="")
        record_change(Rule.TRADING, HALTED_STATE, ACTIVE, by=by, reason=reason)
    accepts = f" and accepts {found} violations" if found else ""
    logger.warning("%s lifted the halt%s: %s", by, accepts, reason)
    halt.refresh_from_db()
    return halt


def accepted(pairs: Collection[Pair]) -> set[Pair]:
    """Return those of the pairs that an operator accepted by lifting a halt."""
    if not pairs:
        return set()
    lifted = TradingHalt.objects.filter(lifted_at__isnull=False)
    return set(pairs).intersection(pair for halt in lifted for pair in _pairs(halt))


def _begin(chain: Chain, by: str, reason: str) -> TradingHalt:
    """Halt trading, which is not halted yet. The row of the chain is locked."""
    Chain.objects.filter(id=1).update(halted_at=Now(), halted_reason=reason)
    chain.refresh_from_db()
    record_change(Rule.TRADING, ACTIVE, HALTED_STATE, by=by, reason=reason)
    logger.critical("trading is halted by %s: %s", by, reason)
    return _record_of(chain, by)


def _record_of(chain: Chain, by: str = "", defer: Collection[str] = ()) -> TradingHalt:
    """Return the record of the halt that stands; begin one where there is none."""
    halt, _ = TradingHalt.objects.defer(*defer).get_or_create(
        chain=chain,
        lifted_at=None,
        defaults={
            "reason": chain.halted_reason or NO_REASON,
            "began_at": chain.halted_at or Now(),
            "begun_by": by,
        },
    )
    return halt


def _pairs(halt: TradingHalt) -> set[Pair]:
    return {(rule, subject) for rule, subject, _ in halt.violations}
