"""The ledger rules on tables and ledgers that were tampered with."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from dex.chain import known_chain
from dex.halting import halt_trading, lift_halt
from execution.audit.landed import Landed, Ledger
from execution.audit.ledger_rules import judge, missing_swaps
from orders.models import AttemptState, Order, Status
from orders.tests.helpers import make_address, make_order_at

from .audited import (
    change,
    confirmed_order,
    meet_some_chain,
    submitted_order,
    swap_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chain() -> None:
    meet_some_chain()


def confirmed() -> tuple[Order, Landed]:
    """Return a confirmed order, and its swap as the ledger has it."""
    order = confirmed_order()
    return order, swap_of(order)


def broken(*landed: Landed, slot: int = 100) -> list[str]:
    return [violation.rule for violation in judge(Ledger(landed, slot))]


BOTH_MINTS = ["amounts_differ", "amounts_differ"]


def test_table_and_ledger_that_agree_break_nothing():
    _, swap = confirmed()
    assert broken(swap) == []


def test_a_confirmed_order_without_its_swap_is_found():
    order, swap = confirmed()
    assert broken() == ["confirmed_without_swap", *BOTH_MINTS]
    assert broken(replace(swap, succeeded=False, moved={})) == [
        "confirmed_without_swap",
        *BOTH_MINTS,
    ]
    change(order, signature=make_address())
    assert broken(swap) == ["confirmed_without_swap"]


def test_an_order_that_is_confirmed_after_the_ledger_was_read_breaks_nothing():
    order, swap = confirmed()
    assert broken(slot=76) == []
    assert broken(swap, slot=76) == []
    assert missing_swaps(Ledger((), 76)) == {}
    assert missing_swaps(Ledger((), 77)) == {order.signature: f"[0] {order.id}:1"}
    assert missing_swaps(Ledger([swap], 77)) == {}


def test_an_order_that_is_confirmed_after_its_swap_was_asked_for_breaks_nothing():
    """Its slot was read, and its swap landed in it later, or was not listed yet."""
    order, _ = confirmed()
    unasked = Ledger((), 77, known=())
    assert judge(unasked) == []
    assert list(missing_swaps(unasked)) == [order.signature]

    asked = Ledger((), 77, known=[order.signature])
    assert [violation.rule for violation in judge(asked)] == [
        "confirmed_without_swap",
        *BOTH_MINTS,
    ]


def test_a_first_attempt_that_failed_does_not_hide_that_the_second_landed_later():
    order, swap = confirmed()
    change(order, signature=make_address())
    assert broken(replace(swap, succeeded=False, moved={}), slot=76) == []


def test_a_confirmed_order_without_a_slot_is_asked_for():
    order, _ = confirmed()
    change(order, slot=None)
    assert list(missing_swaps(Ledger((), 76))) == [order.signature]


def test_a_swap_that_landed_and_is_not_booked_yet_breaks_nothing():
    order = submitted_order()
    assert broken(swap_of(order)) == []
    change(order, signature=order.attempts.get().signature)
    assert broken(swap_of(order)) == []


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.CANCELLED])
def test_an_unhappy_order_whose_swap_landed_is_found(status):
    _, swap = confirmed()
    order, _ = make_order_at(status)
    late = replace(swap, order_id=order.id)
    assert broken(swap, late) == [
        "failed_but_landed",
        "landed_without_attempt",
        *BOTH_MINTS,
    ]


def test_an_attempt_given_up_for_dead_that_landed_is_found_before_a_second_lands():
    order = submitted_order()
    swap = swap_of(order)
    order.attempts.update(state=AttemptState.EXPIRED)
    change(order, status=Status.ROUTING, live_attempt=0)

    assert broken(swap) == ["dead_attempt_landed"]
    assert broken(replace(swap, succeeded=False)) == []


def test_a_second_swap_of_an_order_is_found():
    _, swap = confirmed()
    second = replace(swap, signature=make_address(), attempt=2)
    assert broken(swap, second) == [
        "landed_twice",
        "landed_without_attempt",
        *BOTH_MINTS,
    ]


def test_a_fill_other_than_the_ledgers_is_found():
    order, swap = confirmed()
    for columns, mints in (
        ({"amount_out": 1_991}, 1),
        ({"amount_in_filled": 1}, 1),
        ({"slot": 78}, 0),
    ):
        kept = {name: getattr(order, name) for name in columns}
        change(order, **columns)
        assert broken(swap) == ["fill_differs", *["amounts_differ"] * mints]
        change(order, **kept)
    change(order, min_amount_out=1_991)
    assert broken(swap) == ["fill_differs"]


def test_one_base_unit_too_much_is_named_with_its_mint():
    order, swap = confirmed()
    change(order, amount_out=1_991)

    violations = judge(Ledger([swap], 100))

    assert violations[-1].subject == f"{order.token_out.mint} -1"
    assert violations[-1].detail == "the wallet gained 1990, the fills say 1991"


def test_what_the_wallet_signed_for_no_order_is_found_by_its_signature():
    _, swap = confirmed()
    foreign = replace(swap, order_id=uuid.uuid4(), signature="foreign", moved={})
    unnamed = replace(foreign, order_id=None, attempt=None, signature="unnamed")

    violations = judge(Ledger([swap, foreign, unnamed], 100))

    assert [violation.pair for violation in violations] == [
        ("landed_without_attempt", "foreign"),
        ("landed_without_attempt", "unnamed"),
    ]


def test_a_failed_transaction_that_the_wallet_signed_is_an_attempt_too():
    _, swap = confirmed()
    waste = replace(swap, signature=make_address(), succeeded=False, moved={})
    assert broken(swap, waste) == ["landed_without_attempt"]


def test_what_others_send_to_the_wallet_is_none_of_its_business():
    _, swap = confirmed()
    paid = replace(swap, signature=make_address(), signed=False)
    assert broken(swap, paid, replace(paid, order_id=None, attempt=None)) == []


def test_set_up_transactions_of_this_database_are_its_own():
    _, swap = confirmed()
    chain = known_chain()
    assert chain is not None
    memo = f"[42] setup:{chain.database_id}"
    ours = replace(swap, signature="setup", order_id=None, attempt=None, memo=memo)
    others = replace(ours, memo=f"[42] setup:{uuid.uuid4()}", moved={})

    assert broken(swap, ours) == []
    assert broken(swap, others) == ["landed_without_attempt"]


def test_what_an_accepted_stranger_moved_is_not_counted_any_more():
    _, swap = confirmed()
    stranger = replace(swap, signature="stranger", order_id=None, attempt=None)
    found = judge(Ledger([swap, stranger], 100))
    assert [v.rule for v in found] == ["landed_without_attempt", *BOTH_MINTS]

    halt_trading("a stranger", found[:1])
    lift_halt(by="ann", reason="my own transfer")

    assert broken(swap, stranger) == ["landed_without_attempt"]
