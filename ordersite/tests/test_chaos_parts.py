"""The parts of the fault run: its schedule, its load and its figures."""

from __future__ import annotations

import itertools
import uuid
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from dex.localnet import genesis
from dex.localnet.faults.rules import Limits, parse_rule
from orders.models import Order, Status
from orders.tests.helpers import make_order, make_order_at
from ordersite.chaos.conduct import conduct, quiet_within_s
from ordersite.chaos.faults import FAULTS, ChainFaults, Phase, rule_of, schedule
from ordersite.chaos.load import Load
from ordersite.chaos.options import add_options
from ordersite.chaos.report import figures, verdict_lines
from ordersite.chaos.verdict import Violation
from ordersite.wishes import Wish, largest_amounts


def control(method: str, *params: Any) -> Any:
    raise AssertionError(f"{method} was called")


def test_every_rule_is_one_that_localnet_takes():
    limits = Limits(nodes=2, slots_to_confirm=1)
    for name in FAULTS:
        parse_rule(rule_of(name, seed=1), limits)
        parse_rule(rule_of(name, seed=1, share=0.3), limits)


def test_each_fault_has_a_phase_and_all_have_one_together():
    names = ["none", "each", "all", "hide"]
    phases = schedule(names, seconds=60, seed=1, control=control)
    assert [phase.name for phase in phases] == ["none", *FAULTS, "all", "hide"]
    assert phases[0].troubles == ()
    (together,) = phases[len(FAULTS) + 1].troubles
    assert isinstance(together, ChainFaults)
    assert len(together.rules) == len(FAULTS)


def test_faults_are_set_once_and_lifted_though_answers_are_lost():
    in_force: list[Any] = []
    calls = itertools.count()

    def lossy(method: str, *params: Any) -> Any:
        answer: Any = list(in_force)
        if method == "localnet_fault":
            in_force.append(params)
        elif method == "localnet_clearFaults":
            in_force.clear()
        return answer if next(calls) % 2 else None

    trouble = ChainFaults(({"kind": "drop"}, {"kind": "garbage"}), lossy)

    trouble.begin()
    assert in_force == [({"kind": "drop"},), ({"kind": "garbage"},)]
    trouble.end()
    assert in_force == []


@pytest.mark.django_db
def test_a_trouble_ends_even_when_the_run_is_broken_off():
    ended = []

    class Recorded:
        def begin(self) -> None:
            ended.append(False)

        def end(self) -> None:
            ended.append(True)

    def broken() -> None:
        raise KeyboardInterrupt

    load = Load(lambda wishes: [], in_flight=1, seed=1)
    with pytest.raises(KeyboardInterrupt):
        conduct(
            [Phase("any", (Recorded(),), 60)],
            load,
            quiet_s=1,
            watch=broken,
            say=lambda line: None,
        )

    assert ended == [False, True]


def test_the_wait_covers_three_deaths_of_a_transaction():
    assert quiet_within_s(0.4) == pytest.approx(3 * 182 * 0.4 + 60)


@pytest.mark.django_db
def test_the_load_replaces_what_has_ended_and_no_more():
    wishes: list[Wish] = []

    def place(wished: Sequence[Wish]) -> list[UUID]:
        wishes.extend(wished)
        return [make_order().id for _ in wished[:2]]

    load = Load(place, in_flight=3, seed=1)
    assert (load.step("first"), load.open_orders()) == (0, 2)
    assert (load.step("second"), load.open_orders()) == (2, 3)
    assert (load.step("second"), len(wishes)) == (3, 4)
    for order_id in list(load.placed)[:2]:
        end_one(order_id)
    assert (load.step("third"), len(wishes)) == (1, 6)

    phases = ["first"] * 2 + ["second"] + ["third"] * 2
    assert list(load.placed.values()) == phases
    assert +load.refused == {"first": 1}


def end_one(order_id: UUID) -> None:
    ended, _ = make_order_at(Status.FAILED)
    columns = ("status", "closed_at")
    values = Order.objects.values(*columns).get(id=ended.id)
    Order.objects.filter(id=order_id).update(**values)


def test_all_orders_in_flight_together_stay_within_their_slippage():
    largest = largest_amounts(100)
    for pool in genesis.pools():
        pair = str(pool.base.mint), str(pool.quote.mint)
        # 1 % of the reserve, halved, shared by 100 orders.
        assert 100 * largest[pair] <= pool.base_depth // 200
        assert 100 * largest[pair[::-1]] <= pool.quote_depth // 200
        assert largest[pair] > 1_000


@pytest.mark.django_db
def test_the_figures_count_ends_and_seconds_by_phase():
    order, _ = make_order_at(Status.FAILED)
    took = timedelta(seconds=2.5)
    Order.objects.update(closed_at=F("created_at") + took)
    waiting = make_order()

    lines = list(figures({order.id: "drop", waiting.id: "all", uuid.uuid4(): "all"}))

    spread = "p50 2.5 p95 2.5 p99 2.5 p100 2.5 s"
    assert [" ".join(line.split()) for line in lines] == [
        f"drop {spread} 1 failed no_route",
        "all no orders 1 pending",
        f"TOTAL {spread} 1 failed no_route, 1 pending",
    ]


@pytest.mark.django_db
def test_orders_whose_answer_was_lost_stand_on_a_line_of_their_own():
    known, _ = make_order_at(Status.FAILED)
    make_order()
    (drop, unknown, _) = (line.split()[0] for line in figures({known.id: "drop"}))
    assert (drop, unknown) == ("drop", "unknown")


@pytest.mark.django_db
def test_each_phase_counts_what_was_asked_for_in_it_and_the_last_one_the_rest():
    class Rest(Load):
        def finish(self, phase: str) -> None:
            self.step(phase)

    def place(wished: Sequence[Wish]) -> list[UUID]:
        return [make_order().id for _ in wished[1:]]  # one is refused

    said: list[str] = []
    load = Rest(place, in_flight=2, seed=1)
    phases = [Phase("none", (), 0.01), Phase("all", (), 0)]
    conduct(phases, load, quiet_s=0, watch=lambda: None, say=said.append)

    assert [line.split(",")[0] for line in said] == [
        "none: 2 orders asked for",
        "all: 1 orders asked for",
    ]
    assert list(load.placed.values()) == ["none"]
    assert +load.refused == {"none": 1, "all": 1}


def test_the_verdict_counts_rules_and_how_often_each_was_broken():
    assert list(verdict_lines([], 7)) == ["0 rules broken (seed 7)"]
    broken = [Violation("event_late", None, str(number)) for number in range(22)]
    lines = list(verdict_lines([Violation("halted", None, "why"), *broken], 7))
    assert len(lines) == 22
    assert lines[-2:] == [
        "and 3 more",
        "2 rules broken: halted 1 times, event_late 22 times (seed 7)",
    ]


@pytest.mark.parametrize(
    "options",
    [
        *("--faults=odd", "--orders=0", "--total=0", "--workers=0", "--keepers=many"),
        *("--minutes=0", "--minutes=nan", "--minutes=1000000", "--minutes=inf"),
        *("--slot-time=-1", "--longest=nan", "--flushes=-1"),
        "--kills=1000000 --total=5",
        "--faults=none --minutes=0.1 --freezes=13",
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(CommandError, match="--"):
        call_command("chaos", *options.split(), stdout=StringIO())


def test_help_names_every_default():
    parser = ArgumentParser()
    add_options(parser)
    for action in parser._actions[1:]:
        says = action.help or ""
        assert "(default" in says or action.dest == "orders", action.dest
