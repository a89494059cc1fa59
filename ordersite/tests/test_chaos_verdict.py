"""What the fault run calls broken, on tables and ledgers that were tampered with."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

import pytest
from django.db.models import F
from django.db.models.functions import Now

from dex.chain import meet_chain
from dex.halting import halt_trading
from orders.models import Order, OrderEvent, Status
from orders.tests.helpers import make_address, make_order_at
from ordersite.chaos.landed import Landed
from ordersite.chaos.verdict import judge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chain() -> None:
    meet_chain(
        genesis_hash=make_address(),
        is_localnet=True,
        wallet=make_address(),
        newest_signature="",
    )


def confirmed() -> tuple[Order, Landed]:
    """Return a confirmed order, and its swap as the ledger has it."""
    order, _ = make_order_at(Status.CONFIRMED)
    attempt = order.attempts.get()
    rows = Order.objects.filter(id=order.id)
    rows.update(signature=attempt.signature, min_amount_out=1_980)
    moved = {order.token_in.mint: -100 * 10**9, order.token_out.mint: 1_990}
    return rows.get(), Landed(attempt.signature, 77, True, order.id, 1, moved)


def broken(*landed: Landed) -> list[str]:
    return [violation.rule for violation in judge(landed)]


def change(orders: Iterable[Order], **columns: object) -> None:
    ids = [order.id for order in orders]
    Order.objects.filter(id__in=ids).update(**columns)


def test_nothing_is_broken_when_table_and_ledger_agree():
    _, swap = confirmed()
    failed, _ = make_order_at(Status.FAILED)
    waste = replace(swap, order_id=failed.id, succeeded=False, attempt=None)
    assert broken(swap) == []
    assert broken(swap, waste) == ["landed_without_attempt"]


def test_a_confirmed_order_without_its_swap_is_found():
    order, swap = confirmed()
    change([order], signature=make_address())
    assert broken(swap) == ["confirmed_without_swap"]
    assert broken() == ["confirmed_without_swap"]
    assert broken(replace(swap, succeeded=False)) == ["confirmed_without_swap"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.CANCELLED])
def test_an_unhappy_order_whose_swap_landed_is_found(status):
    _, swap = confirmed()
    order, _ = make_order_at(status)
    late = replace(swap, order_id=order.id)
    assert broken(swap, late) == ["failed_but_landed", "landed_without_attempt"]


def test_a_second_swap_of_an_order_is_found():
    _, swap = confirmed()
    second = replace(swap, signature=make_address(), attempt=2)
    assert broken(swap, second) == ["landed_twice", "landed_without_attempt"]


def test_an_order_that_has_not_ended_is_found():
    order, _ = make_order_at(Status.SUBMITTED)
    assert broken() == ["not_ended"]
    change([order], needs_review_at=Now())
    assert broken() == ["not_ended", "not_ended"]


def test_a_fill_other_than_the_ledgers_is_found():
    order, swap = confirmed()
    for columns in ({"amount_out": 1_991}, {"amount_in_filled": 1}, {"slot": 78}):
        kept = {name: getattr(order, name) for name in columns}
        change([order], **columns)
        assert broken(swap) == ["fill_differs"]
        change([order], **kept)
    change([order], min_amount_out=1_991)
    assert broken(swap) == ["fill_differs"]


def test_a_history_with_a_gap_or_a_jump_is_found():
    order, swap = confirmed()
    events = OrderEvent.objects.filter(order=order)
    events.filter(sequence=2).update(status=Status.BUILDING)
    assert broken(swap) == ["history_broken"] * 2
    events.filter(sequence=2).update(status=Status.ROUTING)
    events.filter(sequence=5).update(sequence=F("sequence") + 1)
    assert broken(swap) == ["history_broken"]


def test_a_swap_of_no_order_and_a_halt_are_found():
    _, swap = confirmed()
    halt_trading("for a test")
    foreign = replace(swap, order_id=uuid.uuid4())
    unnamed = replace(swap, order_id=None, attempt=None)
    assert broken(swap, foreign, unnamed) == [
        "landed_for_no_order",
        "landed_for_no_order",
        "halted",
    ]
