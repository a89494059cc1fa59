"""What follows from violations: which are accepted, and that trading halts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models.functions import Now

from dex.halting import Violation, accepted, halt_trading
from dex.models import AuditRun

from .rules import RECENT, TABLE_RULES, broken_rules, current_orders

TABLES, WALLET = "tables", "wallet"


def standing(violations: Sequence[Violation]) -> list[Violation]:
    """Leave out what an operator accepted by lifting a halt."""
    known = accepted([violation.pair for violation in violations])
    return [violation for violation in violations if violation.pair not in known]


def halt_on(violations: Sequence[Violation]) -> bool:
    """Halt trading on those that are reason enough; say whether there are any."""
    grave = [
        v for v in violations if v.rule not in TABLE_RULES or TABLE_RULES[v.rule].halts
    ]
    if grave:
        names = ", ".join(dict.fromkeys(v.rule for v in grave[1:]))
        more = f", and {len(grave) - 1} more ({names})" if names else ""
        halt_trading(
            f"The auditor found {grave[0]}{more}. Look at it with `manage.py audit` "
            "before trading goes on.",
            grave,
        )
    return bool(grave)


def audit_tables(within: timedelta = RECENT) -> int:
    """Check the cheap rules on open orders and on those that ended `within` that time.

    Halts trading on what breaks one. Returns how many violations stand.
    """
    found = standing(list(broken_rules(current_orders(within))))
    halt_on(found)
    note(TABLES, len(found))
    return len(found)


def note(part: str, violations: int) -> None:
    """Record that a part of the audit has run now."""
    AuditRun.objects.bulk_create(
        [AuditRun(part=part, ran_at=Now(), violations=violations)],
        update_conflicts=True,
        unique_fields=["part"],
        update_fields=["ran_at", "violations"],
    )
