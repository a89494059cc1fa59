from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from orders.bulk_insert import insert_all
from orders.models import Attempt, AttemptState, OrderEvent, Status

from .helpers import make_address, make_order

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)
DATA = {"text": "50% 'of' \"it\" \\ π\n", "none": None, "deep": [{"n": 2**64 - 1}, []]}


def make_attempt(**columns):
    given = {
        "order_id": make_order().id,
        "number": 1,
        "venue": "raydium",
        "pool": make_address(),
        "vault_in": make_address(),
        "vault_out": make_address(),
        "signature": make_address() + make_address(),
        "raw_transaction": bytes(range(256)),
        "blockhash": make_address(),
        "last_valid_block_height": 2**63 - 1,
        "quoted_amount_out": 2**64 - 1,
        "min_amount_out": 1,
        "created_at": MOMENT,
    }
    return Attempt(**given | columns)


def make_event(**columns):
    given = {"sequence": 2, "status": Status.ROUTING, "attempt": 1, "data": DATA}
    return OrderEvent(
        **{"order_id": make_order().id, "created_at": MOMENT} | given | columns
    )


@pytest.mark.parametrize("make", [make_attempt, make_event])
def test_rows_are_stored_as_the_orm_would_store_them(make):
    row, by_orm = make(), make()

    insert_all([row])
    type(by_orm).objects.bulk_create([by_orm])

    stored = type(row).objects.get(pk=row.pk)
    for field in row._meta.concrete_fields:
        name = field.attname
        assert getattr(stored, name) == getattr(row, name), name
        by_bulk_create = getattr(type(row).objects.get(pk=by_orm.pk), name)
        if name not in {"id", "order_id", "pool", "signature", "blockhash"} and (
            not name.startswith("vault_")
        ):
            assert getattr(stored, name) == by_bulk_create, name


def test_what_is_given_besides_the_defaults_is_stored():
    row = make_attempt(
        state=AttemptState.ERRORED, slot=7, fee_lamports=5_000, error="it's \\ 100%"
    )

    insert_all([row])

    stored = Attempt.objects.get(pk=row.pk)
    assert (stored.state, stored.slot, stored.fee_lamports, stored.error) == (
        "errored",
        7,
        5_000,
        "it's \\ 100%",
    )


def test_each_row_is_given_its_own_id(django_assert_num_queries):
    rows = [make_event(data={"number": number}) for number in range(200)]

    with django_assert_num_queries(1):
        insert_all(rows)

    numbers = dict(OrderEvent.objects.values_list("id", "data__number"))
    assert [numbers[row.pk] for row in rows] == list(range(200))


def test_a_text_that_is_too_long_is_refused_and_not_cut_off():
    rows = [make_attempt(), make_attempt(venue="v" * 17)]

    with pytest.raises(DatabaseError, match="too long"), transaction.atomic():
        insert_all(rows)

    assert not Attempt.objects.exists()


def test_of_nothing_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_all([])
