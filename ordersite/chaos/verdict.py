"""The rules that hold once a run is quiet: the auditor's, and that everything ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dex.halting import Violation
from dex.models import Chain
from execution.audit.landed import Landed, Ledger
from execution.audit.ledger_rules import judge as judge_ledger
from execution.audit.rules import broken_rules, every_order
from orders.models import OPEN

__all__ = ["Violation", "judge"]


def judge(landed: Iterable[Landed]) -> list[Violation]:
    """Compare every order of the table with what the ledger says, and with itself."""
    return [
        *_not_ended(),
        *broken_rules(every_order()),
        *judge_ledger(Ledger(list(landed))),
        *_halted(),
    ]


def _not_ended() -> Iterator[Violation]:
    for order in every_order().filter(status__in=OPEN):
        detail = f"still {order.status}, live attempt {order.live_attempt}"
        if order.needs_review_at is not None:
            detail += ", waits for an operator"
        yield Violation("not_ended", order.id, detail)


def _halted() -> Iterator[Violation]:
    for chain in Chain.objects.filter(halted_at__isnull=False):
        yield Violation("halted", None, chain.halted_reason)
