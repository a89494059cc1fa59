"""transition_all(): moves that do not count, are illegal, or that the database refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.db.models.functions import Now

from orders import events
from orders.errors import IllegalTransition, StaleTransition
from orders.models import Attempt, AttemptState, Order, OrderEvent, Status
from orders.transitions import transition, transition_all

from .helpers import (
    FILL,
    LANDED,
    make_opening,
    make_order_at,
    statuses_of,
)
from .test_transitions_many import step


@pytest.mark.django_db
def test_a_move_that_does_not_count_leaves_its_neighbours_alone():
    moves, expected = [], []
    for column, value in [
        ("fence", 99),
        ("status", Status.ROUTING),
        ("cancel_requested_at", Now()),
        ("deadline", Now() - timedelta(seconds=1)),
        ("slot", 7),  # says nothing against it
    ]:
        order, held = make_order_at(Status.BUILDING)
        Order.objects.filter(id=order.id).update(**{column: value})
        moves.append(
            step(held, Status.BUILDING, Status.SUBMITTED, opens=make_opening())
        )
        expected.append(OrderEvent if column == "slot" else StaleTransition)

    results = transition_all(moves)

    assert [type(result) for result in results] == expected
    (opened,) = Attempt.objects.all()
    assert opened.order_id == moves[-1].order_id
    for move, result in zip(moves, results, strict=True):
        written = OrderEvent.objects.filter(order_id=move.order_id, status="submitted")
        assert written.exists() == isinstance(result, OrderEvent)


@pytest.mark.django_db
def test_an_order_without_its_live_attempt_is_not_closed_and_its_neighbour_is():
    moves = [
        step(
            make_order_at(Status.SUBMITTED)[1],
            Status.SUBMITTED,
            Status.CONFIRMED,
            closes=LANDED,
            columns=FILL,
        )
        for _ in range(2)
    ]
    Attempt.objects.filter(order_id=moves[0].order_id).update(
        state=AttemptState.EXPIRED
    )

    results = transition_all(moves)

    assert [type(result) for result in results] == [StaleTransition, OrderEvent]
    assert Order.objects.get(id=moves[0].order_id).status == Status.SUBMITTED


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_database_refuses_undoes_the_batch_and_publishes_nothing():
    orders, held = zip(*(make_order_at(Status.ROUTING) for _ in range(2)), strict=True)
    heard: list[OrderEvent] = []
    end = events.subscribe(heard.append)
    try:
        with pytest.raises(DatabaseError, match="too long"):
            transition_all(
                [
                    step(claim, Status.ROUTING, Status.BUILDING, columns=columns)
                    for claim, columns in zip(
                        held, ({"venue": "meteora"}, {"venue": "v" * 17}), strict=True
                    )
                ]
            )
    finally:
        end()

    assert heard == []
    assert [statuses_of(order) for order in orders] == [["pending", "routing"]] * 2


@pytest.mark.django_db
def test_an_illegal_move_is_refused_before_anything_is_written():
    order, held = make_order_at(Status.PENDING)
    _, other = make_order_at(Status.PENDING)

    with pytest.raises(IllegalTransition):
        transition_all(
            [
                step(held, Status.PENDING, Status.ROUTING),
                step(other, Status.PENDING, Status.BUILDING),
            ]
        )

    assert statuses_of(order) == ["pending"]


@pytest.mark.django_db
def test_a_move_of_no_order_does_not_count():
    order, held = make_order_at(Status.PENDING)
    move = step(held, Status.PENDING, Status.ROUTING)
    order.events.all().delete()
    order.delete()

    with pytest.raises(StaleTransition, match="there is no order"):
        transition(move)
