"""Halting, resuming and asking by command, and the record of each."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from dex.errors import HaltRefused, TradingHalted
from dex.halting import (
    Violation,
    check_not_halted,
    halt_by_operator,
    halt_trading,
    standing_halt,
)
from dex.models import Chain, GuardChange, TradingHalt

from .guard_records import changes, meet_test_chain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chain() -> Chain:
    return meet_test_chain()


def trading(*words: str) -> None:
    call_command("trading", *words)


def test_an_operator_halts_trading_and_lets_it_go_on(capsys):
    trading("status")
    trading("halt", "--reason", " the provider lies ", "--by", "ann")
    with pytest.raises(TradingHalted, match="the provider lies"):
        check_not_halted()
    trading("status")
    trading("resume", "--reason", "it was mended", "--by", "bob")
    check_not_halted()

    active, halted, status, resumed = capsys.readouterr().out.splitlines()
    assert active == "ACTIVE"
    assert halted.startswith("Trading is halted: nothing is signed from now on")
    assert status.startswith("HALTED since 20")
    assert status.endswith(" UTC by ann: the provider lies")
    assert resumed == "Trading goes on. The halt was: the provider lies"
    assert changes() == [
        ("ann", "trading", "", "active", "halted", "the provider lies"),
        ("bob", "trading", "", "halted", "active", "it was mended"),
    ]


def test_a_halt_of_the_auditor_is_recorded_like_an_operators(capsys):
    halt_trading("the fill differs", [Violation("fill_differs", "order-1", "off by 1")])
    halt_trading("again")

    trading("status")

    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(" UTC by engine: the fill differs")
    assert second == "  fill_differs: order-1: off by 1"
    assert changes() == [
        ("engine", "trading", "", "active", "halted", "the fill differs")
    ]


def test_a_halt_that_stands_is_not_halted_again_and_keeps_its_reason():
    halt_trading("the fill differs")

    with pytest.raises(CommandError, match="halted already: the fill differs"):
        trading("halt", "--reason", "mine")

    halt = standing_halt()
    assert halt is not None
    assert (halt.reason, halt.begun_by) == ("the fill differs", "engine")


@pytest.mark.parametrize("reason", ["", "  "])
def test_trading_is_not_halted_without_a_reason(reason):
    with pytest.raises(HaltRefused, match="Say why"):
        halt_by_operator(by="ann", reason=reason)

    assert not TradingHalt.objects.exists()
    assert changes() == []


def test_the_command_refuses_in_one_sentence():
    with pytest.raises(CommandError, match="Trading is not halted"):
        trading("resume", "--reason", "fine")
    with pytest.raises(CommandError, match="--reason"):
        trading("halt")
    Chain.objects.all().delete()
    with pytest.raises(CommandError, match="has not met its chain"):
        trading("halt", "--reason", "mine")


def truncate(rows: QuerySet[GuardChange]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {rows.model._meta.db_table}")


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(changed_by="bob"),
        lambda rows: rows.delete(),
        truncate,
    ],
    ids=["update", "delete", "truncate"],
)
def test_what_was_recorded_is_neither_changed_nor_deleted(change):
    halt_by_operator(by="ann", reason="mine")

    with pytest.raises(DatabaseError, match="only added"), transaction.atomic():
        change(GuardChange.objects.all())

    assert [row[0] for row in changes()] == ["ann"]
