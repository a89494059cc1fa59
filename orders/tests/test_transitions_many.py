"""transition_all(): the steps of many orders in one transaction, each for itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import events
from orders.models import Order, OrderEvent, Status, WaitingCode
from orders.moves import Move
from orders.transitions import transition, transition_all
from orders.waiting import note_waiting

from .helpers import (
    ERRORED,
    EXPIRED,
    FILL,
    LANDED,
    make_opening,
    make_order_at,
)

U64_MOST = 2**64 - 1
ROUTED = {"venue": "meteora", "min_amount_out": U64_MOST}


def step(held, old, to, **further):
    return Move(held.order_id, to, (old,), held.fence, 1, {"to": str(to)}, **further)


def make_moves():
    """Orders of every open status, two of each, and what each of them does next."""
    moves = []
    for number in (1, 2):
        kinds: list[tuple[Status, Status, dict[str, Any]]] = [
            (Status.PENDING, Status.ROUTING, {}),
            (Status.ROUTING, Status.BUILDING, {"columns": ROUTED | {"slot": number}}),
            (Status.BUILDING, Status.SUBMITTED, {"opens": make_opening()}),
            (
                Status.SUBMITTED,
                Status.CONFIRMED,
                {"closes": LANDED, "columns": FILL | {"amount_out": U64_MOST - number}},
            ),
            (Status.SUBMITTED, Status.ROUTING, {"closes": EXPIRED}),
            (Status.SUBMITTED, Status.ROUTING, {"closes": ERRORED}),
        ]
        for old, to, further in kinds:
            _, held = make_order_at(old)
            moves.append(step(held, old, to, **further))
    return moves


def newest_events(moves):
    ids = [move.order_id for move in moves]
    return [OrderEvent.objects.filter(order_id=each).latest("sequence") for each in ids]


def stored(moves):
    """Everything that is stored of these orders, but for ids and times."""
    told = []
    for move in moves:
        order = Order.objects.get(id=move.order_id)
        columns = {
            name: value
            for name, value in vars(order).items()
            if name not in {"_state", "id", "deadline", "created_at", "due_at"}
            and not name.endswith(("_until", "closed_at"))
        }
        attempts = order.attempts.values(
            "number", "state", "slot", "fee_lamports", "error_code", "error"
        )
        history = order.events.values("sequence", "status", "attempt", "data")
        ended = order.closed_at is not None
        told.append((columns, ended, list(attempts), list(history)))
    return told


@pytest.mark.django_db
def test_a_batch_stores_what_its_moves_would_store_one_by_one():
    alone, together = make_moves(), make_moves()

    for move in alone:
        transition(move)
    results = transition_all(together)

    assert stored(together) == stored(alone)
    assert list(map(str, results)) == list(map(str, newest_events(together)))
    assert Order.objects.get(id=together[9].order_id).amount_out == U64_MOST - 2


@pytest.mark.django_db
def test_steps_of_every_kind_are_one_update_of_orders_and_one_of_attempts():
    moves = make_moves()

    with CaptureQueriesContext(connection) as queries:
        transition_all(moves)

    updated = [q["sql"].split()[1] for q in queries if q["sql"].startswith("UPDATE")]
    assert updated == ['"orders_order"', '"orders_attempt"']


@pytest.mark.django_db
def test_a_step_leaves_alone_what_only_its_neighbours_write():
    claimed = [make_order_at(old)[1] for old in (Status.PENDING, Status.SUBMITTED)]
    going_on, ending = claimed
    cancelled, _ = make_order_at(Status.PENDING)
    waits, waiting = make_order_at(Status.PENDING)
    note_waiting(waiting, WaitingCode.CHAIN_UNREACHABLE, "No node answers.")
    Order.objects.filter(id=going_on.order_id).update(venue="raydium", slot=5)
    before = Order.objects.get(id=going_on.order_id)

    transition_all(
        [
            step(going_on, Status.PENDING, Status.ROUTING),
            step(
                ending, Status.SUBMITTED, Status.CONFIRMED, closes=LANDED, columns=FILL
            ),
            step(waiting, Status.PENDING, Status.ROUTING),
            Move(cancelled.id, Status.CANCELLED, (Status.PENDING,), None, 0, {}),
        ]
    )

    after = Order.objects.get(id=before.id)
    changed = {"status", "attempt", "last_sequence", "idle_claims"}
    for field in Order._meta.concrete_fields:
        is_same = getattr(after, field.attname) == getattr(before, field.attname)
        assert is_same == (field.attname not in changed), field.attname
    ended = Order.objects.get(id=ending.order_id)
    assert (ended.fence, ended.lease_until, ended.lease_owner) == (1, None, "")
    assert ended.closed_at is not None
    assert Order.objects.get(id=cancelled.id).fence == 2
    waits.refresh_from_db()
    assert (waits.waiting_code, waits.waiting_since) == ("", None)
    assert waits.lease_until is not None


@pytest.mark.django_db
def test_twenty_orders_take_as_many_statements_as_two():
    counts = []
    for number in (2, 20):
        held = [make_order_at(Status.BUILDING)[1] for _ in range(number)]
        moves = [
            step(claim, Status.BUILDING, Status.SUBMITTED, opens=make_opening())
            for claim in held
        ]
        with CaptureQueriesContext(connection) as queries:
            transition_all(moves)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_each_order_of_a_batch_says_what_it_waited_for_itself():
    held = [make_order_at(Status.ROUTING)[1] for _ in range(2)]
    note_waiting(held[0], WaitingCode.CHAIN_UNREACHABLE, "no node answered")

    transition_all(
        [step(h, Status.ROUTING, Status.BUILDING, columns=ROUTED) for h in held]
    )

    waited, ready = (
        OrderEvent.objects.filter(order_id=claim.order_id).latest("sequence")
        for claim in held
    )
    assert waited.data["waitedFor"]["message"] == "no node answered"
    assert ready.data == {"to": "building"}
    assert set(Order.objects.values_list("waiting_code", flat=True)) == {""}


@pytest.mark.django_db(transaction=True)
def test_every_event_of_a_batch_is_published_after_its_commit():
    held = [make_order_at(Status.PENDING)[1] for _ in range(3)]
    heard: list[tuple[OrderEvent, bool]] = []
    end = events.subscribe(
        lambda event: heard.append((event, connection.in_atomic_block))
    )
    try:
        results = transition_all(
            [step(claim, Status.PENDING, Status.ROUTING) for claim in held]
        )
    finally:
        end()

    assert heard == [(event, False) for event in results]
