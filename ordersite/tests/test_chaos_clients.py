"""What the fault run calls wrong in what its clients were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from orders.event_frames import event_frame
from orders.models import Order, OrderEvent, Status
from orders.tests.helpers import make_order_at
from ordersite.chaos.client_log import compare, differences
from ordersite.chaos.kills import Victim
from ordersite.chaos.recovery import lateness_s, recovery_lines
from ordersite.chaos.strikes import Outage
from ordersite.chaos.ticket import Heard, Ticket
from ordersite.wishes import Wish

START = datetime(2026, 11, 20, tzinfo=UTC)


def event(sequence: int, **members: Any) -> dict[str, Any]:
    named = {"sequence": sequence, "status": "routing", "attempt": 1, "data": {"a": 1}}
    return named | members


ROWS = [event(1), event(2), event(3, status="building")]


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (ROWS, []),
        (ROWS[:2], ["event 3 never came"]),
        ([ROWS[0], ROWS[2]], ["event 2 never came"]),
        ([*ROWS, ROWS[2]], ["event 3 came 2 times"]),
        ([ROWS[0], ROWS[2], ROWS[1]], ["the events came in the order [1, 3, 2]"]),
        ([*ROWS, event(4)], ["event 4 came and is not in the table"]),
        (
            [*ROWS[:2], event(3, status="building", data={"a": 2})],
            ["event 3 came with another data"],
        ),
        (
            [*ROWS[:2], event(3, attempt=2)],
            ["event 3 came with another status, attempt"],
        ),
    ],
    ids=["same", "end", "gap", "repeated", "reordered", "invented", "data", "status"],
)
def test_a_log_that_is_not_the_table_is_named(
    frames: Sequence[dict[str, Any]], found: list[str]
):
    assert list(differences(ROWS, frames)) == found


def ticket_of(order: Order) -> Ticket:
    """Return what an honest client knows of an order that has ended."""
    ticket = Ticket(Wish("in", "out", 1), "any", key=str(order.idempotency_key))
    ticket.accept({"orderId": str(order.id), "wsUrl": "ws://…"})
    for row in order.events.order_by("sequence"):
        ticket.take(event_frame(row), START)
    return ticket


def found(*tickets: Ticket) -> list[str]:
    return [violation.rule for violation in compare(tickets)]


@pytest.mark.django_db
def test_clients_that_saw_the_table_find_nothing():
    orders = [
        make_order_at(Status.CONFIRMED, idempotency_key="one")[0],
        make_order_at(Status.FAILED, idempotency_key="two")[0],
    ]
    tickets = [ticket_of(order) for order in orders]
    assert found(*tickets) == []
    assert all(ticket.is_over for ticket in tickets)


@pytest.mark.django_db
def test_an_event_that_was_altered_in_the_table_is_found_by_its_client():
    order, _ = make_order_at(Status.CONFIRMED, idempotency_key="one")
    ticket = ticket_of(order)
    OrderEvent.objects.filter(order=order, sequence=3).update(data={"other": 1})
    assert found(ticket) == ["client_log_differs"]


@pytest.mark.django_db
def test_an_accepted_order_without_a_row_is_found():
    order, _ = make_order_at(Status.FAILED, idempotency_key="one")
    ticket = ticket_of(order)
    Order.objects.update(idempotency_key="other")
    assert found(ticket) == ["accepted_but_lost", "order_out_of_nothing"]


@pytest.mark.django_db
def test_an_order_that_was_never_answered_and_one_that_was_refused_are_found():
    make_order_at(Status.FAILED, idempotency_key="one")
    silent = Ticket(Wish("in", "out", 1), "any", key="one")
    refused = Ticket(Wish("in", "out", 1), "any", key="two")
    assert refused.refuse({"status": 503, "code": "database_unavailable"})
    assert not refused.refuse({"status": 422, "code": "validation_failed"})
    assert found(silent, refused) == [
        "never_answered",
        "client_misled",
        "never_answered",
    ]


@pytest.mark.django_db
def test_two_orders_for_one_key_are_found():
    first, _ = make_order_at(Status.FAILED, idempotency_key="one")
    second, _ = make_order_at(Status.FAILED, idempotency_key="two")
    ticket = ticket_of(first)
    ticket.accept({"orderId": str(second.id), "wsUrl": "ws://…"})
    assert "client_misled" in found(ticket)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_an_event_is_late_from_its_row_or_from_the_opening_of_its_socket():
    heard = Heard(stored=at(0), open_since=at(-5), came=at(3))
    assert lateness_s(heard, []) == 3
    assert lateness_s(replace(heard, open_since=at(2)), []) == 1


def test_an_outage_of_postgresql_makes_no_event_late():
    heard = Heard(stored=at(0), open_since=at(-5), came=at(10))
    outages = [
        Outage("postgres", at(-3), at(1)),
        Outage("postgres", at(4), at(9)),
        Outage("valkey", at(0), at(10)),
    ]
    assert lateness_s(heard, outages) == 4


@pytest.mark.django_db
def test_recovery_is_from_a_kill_to_the_end_of_each_order_that_was_held():
    ended = [make_order_at(Status.FAILED)[0] for _ in range(3)]
    Order.objects.update(closed_at=F("created_at"))
    for number, order in enumerate(ended):
        Order.objects.filter(id=order.id).update(closed_at=at(number))
    waits, _ = make_order_at(Status.SUBMITTED)
    kills = [
        Victim("worker-1", 7, at(0), "claimed", [ended[0].id, ended[2].id, waits.id]),
        Victim("keeper-1", 8, at(-4), "anywhere", [ended[1].id]),
        Victim("worker-1", 9, at(0), "anywhere", []),
        Victim("web", 10, at(0), "before_answer", []),
    ]
    assert list(recovery_lines(kills)) == [
        "2 of the killed held 4 orders, of which 3 have ended",
        "from a kill to the end of what it held: p50 2.00 p95 2.00 p99 2.00 p100 5.00 s",
    ]
