"""What the fault run calls broken beside the rules of the auditor."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from dex.halting import halt_trading
from execution.audit.landed import Landed
from execution.tests.audited import (
    change,
    confirmed_order,
    meet_some_chain,
    submitted_order,
    swap_of,
)
from orders.models import OrderEvent, Status
from ordersite.chaos.verdict import judge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chain() -> None:
    meet_some_chain()


def broken(*landed: Landed) -> list[str]:
    return [violation.rule for violation in judge(landed)]


def test_nothing_is_broken_when_table_and_ledger_agree():
    assert broken(swap_of(confirmed_order())) == []


def test_an_order_that_has_not_ended_is_found_with_why_it_waits():
    order = submitted_order()
    assert broken() == ["not_ended"]
    change(order, needs_review_at=Now())
    (violation,) = judge([])
    assert violation.detail == "still submitted, live attempt 1, waits for an operator"


def test_a_halt_is_found():
    swap = swap_of(confirmed_order())
    halt_trading("for a test")
    assert broken(swap) == ["halted"]


def test_both_the_table_and_the_ledger_are_judged():
    swap_of(confirmed_order())
    OrderEvent.objects.filter(sequence=2).update(status=Status.BUILDING)
    assert broken() == [
        *["illegal_step"] * 2,
        "confirmed_without_swap",
        *["amounts_differ"] * 2,
    ]
