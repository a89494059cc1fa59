from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from orders.insertion import GIVEN, TIMES, TOLD, insert_orders
from orders.models import Order, OrderEvent

from .helpers import make_order, make_owner, make_token

pytestmark = pytest.mark.django_db


def columns_of_a_request(**overrides):
    return {
        "request_id": "",
        "id": uuid.uuid4(),
        "owner_id": make_owner().id,
        "idempotency_key": None,
        "client_order_id": None,
        "request_hash": "0" * 64,
        "retry_of_id": None,
        "order_type": "market",
        "token_in_id": make_token("A").id,
        "token_out_id": make_token("B").id,
        "amount_in": 100 * 10**9,
        "slippage_bps": 100,
        "max_price_impact_bps": None,
        "deadline": timedelta(seconds=120),
        "due_at": timedelta(seconds=5),
        "most_open": 1_000,
    } | overrides


def test_what_is_not_given_is_stored_as_the_orm_would_store_it():
    by_orm = make_order()
    (event,) = insert_orders([columns := columns_of_a_request()]).events

    inserted = Order.objects.get(id=columns["id"])
    differs = {"id", "created_at", "deadline", "due_at"}
    for field in Order._meta.concrete_fields:
        if field.attname not in differs:
            assert getattr(inserted, field.attname) == getattr(by_orm, field.attname)
    stored = OrderEvent.objects.get(order_id=inserted.id)
    for name in ("id", "order_id", "sequence", "status", "attempt", "data"):
        assert getattr(event, name) == getattr(stored, name)
    assert event.created_at == stored.created_at


def test_every_value_that_is_given_is_stored():
    given = columns_of_a_request(
        idempotency_key="50% off'; --",
        client_order_id="a.b:c-1",
        retry_of_id=make_order().id,
        amount_in=2**64 - 1,
        max_price_impact_bps=7,
    )
    insert_orders([given])

    row = Order.objects.get(id=given["id"])
    for name in {*GIVEN} - {*TIMES, TOLD}:
        assert getattr(row, name) == given[name]
    times = row.deadline - row.created_at, row.due_at - row.created_at
    assert times == (given["deadline"], given["due_at"])


def test_the_first_event_tells_the_request_of_each_order_and_nothing_without_one():
    named = columns_of_a_request(request_id='it\'s "mine"')
    nameless = columns_of_a_request()

    events = insert_orders([named, nameless]).events

    told = {named["id"]: {"requestId": 'it\'s "mine"'}, nameless["id"]: {}}
    assert {event.order_id: event.data for event in events} == told
    stored = OrderEvent.objects.values_list("order_id", "data")
    assert dict(stored) == told


@pytest.mark.parametrize("owners", [["one"], ["one", "two"]], ids=len)
def test_orders_and_events_are_one_statement(django_assert_num_queries, owners):
    ids = [make_owner(name).id for name in owners]
    orders = [columns_of_a_request(owner_id=id_) for id_ in ids * 4]
    with django_assert_num_queries(1):
        insert_orders(orders)
