"""What a fault run calls late, and what it says that it did not exercise."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from orders.models import Order, Status
from orders.tests.helpers import make_order_at
from ordersite.chaos.bounds import late_events, late_recoveries
from ordersite.chaos.coverage import faults_without_orders, not_exercised
from ordersite.chaos.kills import Victim
from ordersite.chaos.points import ENGINE_POINTS, WEB_POINTS
from ordersite.chaos.schedule import FLUSH, FREEZE, KILL, WEB_KILL, Counts
from ordersite.chaos.strikes import Outage
from ordersite.chaos.ticket import Heard, Ticket
from ordersite.wishes import Wish

START = datetime(2026, 11, 20, tzinfo=UTC)
SLOT_TIME_S = 0.2  # 30 s and three deaths of 182 slots: 139.2 s


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def struck(name: str, when_s: float, *held: Order, point: str = "anywhere") -> Victim:
    return Victim(name, 7, at(when_s), point, [order.id for order in held])


def ended(when_s: float) -> Order:
    order, _ = make_order_at(Status.FAILED)
    Order.objects.filter(id=order.id).update(closed_at=at(when_s))
    return order


def test_an_event_later_than_four_seconds_breaks_a_rule():
    ticket = Ticket(Wish("in", "out", 1), "any", order_id=uuid4())
    for sequence, late_s in ((1, 0.1), (2, 3.9), (3, 4.6)):
        ticket.frames.append({"sequence": sequence})
        ticket.heard.append(Heard(at(0), at(-1), at(late_s)))

    (violation,) = late_events([ticket], [])

    assert (violation.rule, violation.subject) == ("event_late", ticket.order_id)
    assert violation.detail == "event 3 came 4.6 s after its row, and 4 s are allowed"
    assert not list(late_events([ticket], [Outage("postgres", at(0), at(1))]))


@pytest.mark.django_db
def test_an_order_that_ends_too_late_after_its_holder_was_killed_breaks_a_rule():
    late, soon = ended(150), ended(130)
    waits, _ = make_order_at(Status.SUBMITTED)

    (violation,) = late_recoveries(
        [struck("worker-1", 0, late, soon, waits)], SLOT_TIME_S
    )

    assert (violation.rule, violation.subject) == ("recovered_late", late.id)
    assert violation.detail == (
        "ended 150.0 s after worker-1, which held it, was struck, and 139 s are allowed"
    )


@pytest.mark.django_db
def test_of_several_holders_that_were_struck_the_last_one_counts():
    order = ended(150)
    frozen_later = struck("worker-2", 20, order)
    assert not list(
        late_recoveries([frozen_later, struck("worker-1", 0, order)], SLOT_TIME_S)
    )


def unexercised(asked: Counts, *victims: Victim, idle: int = 0) -> list[str]:
    made = Counter({kind: n for kind, n in asked.of.items() if n})
    return list(
        not_exercised(
            asked,
            made,
            Counter({FLUSH: idle, WEB_KILL: idle}),
            killed=[victim for victim in victims if victim.name != "frozen"],
            frozen=[victim for victim in victims if victim.name == "frozen"],
        )
    )


@pytest.mark.django_db
def test_a_run_that_came_by_everything_has_nothing_to_add():
    order, _ = make_order_at(Status.SUBMITTED)
    victims = [struck("worker-1", 0, order, point=point) for point in ENGINE_POINTS]
    victims += [struck("web", 0, point=point) for point in WEB_POINTS]
    asked = Counts({KILL: len(ENGINE_POINTS), WEB_KILL: len(WEB_POINTS), FLUSH: 1})
    assert unexercised(asked, *victims) == []


@pytest.mark.django_db
def test_strikes_that_hit_nothing_and_points_that_were_not_reached_are_named():
    order, _ = make_order_at(Status.SUBMITTED)
    victims = [
        *(struck("worker-1", 0, order, point=point) for point in ENGINE_POINTS[1:]),
        struck("keeper-1", 0),
        Victim("frozen", 8, at(0), "anywhere"),
        struck("web", 0, point="before_answer"),
    ]
    asked = Counts({KILL: len(ENGINE_POINTS), FREEZE: 1, WEB_KILL: 1, FLUSH: 2})
    assert unexercised(asked, *victims, idle=1) == [
        f"1 of {len(ENGINE_POINTS)} kill of a process that held no order",
        "1 of 1 freeze of a process that held no order",
        "1 of 1 web-kill while no order was open",
        "1 of 2 redis-flush while no order was open",
        "nobody was struck at claimed, before_commit_pending, before_enqueue",
    ]


def test_strikes_that_could_not_be_made_are_named():
    asked = Counts({FLUSH: 3})
    missing = not_exercised(asked, Counter({FLUSH: 1}), Counter(), killed=[], frozen=[])
    assert list(missing) == ["2 of 3 redis-flush not made"]


def test_faults_under_which_no_order_was_placed_are_named():
    phases = ["none", "drop", "fork", "drop"]
    assert list(faults_without_orders(phases, {"none", "drop", "fork"})) == []
    assert list(faults_without_orders(phases, {"none"})) == [
        "no order was placed under drop, fork"
    ]
