"""Placing orders on a database that does not answer, or not to COMMIT."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.models.functions import Now

from orders.errors import (
    IdempotencyConflict,
    OutcomeUnknown,
)
from orders.models import Order
from orders.placing import place_order, place_orders
from orders.submissions import Placement, Submission

from .helpers import (
    make_owner,
)
from .test_placing import make_request

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_commit_whose_answer_was_lost_is_looked_up_on_a_new_connection(
    monkeypatch, caplog
):
    request, owner = make_request(), make_owner()
    commit = connection._commit  # type: ignore[attr-defined]

    def commit_and_lose_the_answer() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    with caplog.at_level(logging.WARNING, "orders.placing"):
        placement = place_order(request, owner=owner)

    assert placement == Placement(Order.objects.get().id, created=True)
    assert "was committed although the answer was lost" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_each_of_many_orders_has_an_answer_of_its_own():
    owner = make_owner()
    first = place_order(make_request(), owner=owner, idempotency_key="taken")

    new, again, conflict, twice, wrong = place_orders(
        [
            Submission(make_request(), owner.pk),
            Submission(make_request(), owner.pk, "taken"),
            Submission(make_request(amount_in=7), owner.pk, "taken"),
            Submission(make_request(), owner.pk, "twice"),
            Submission(make_request(amount_in=0), owner.pk),
        ]
    )

    assert isinstance(new, Placement)
    assert isinstance(twice, Placement)
    assert (new.created, twice.created) == (True, True)
    assert again == Placement(first.order_id, created=False)
    assert isinstance(conflict, IdempotencyConflict)
    assert isinstance(wrong, IntegrityError)
    assert set(Order.objects.values_list("id", flat=True)) == {
        first.order_id,
        new.order_id,
        twice.order_id,
    }


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_nobody_can_vouch_for_has_an_unknown_outcome(monkeypatch):
    request, owner = make_request(), make_owner()

    def lose_the_connection() -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", lose_the_connection)
    with pytest.raises(OutcomeUnknown) as refusal:
        place_order(request, owner=owner)

    assert isinstance(refusal.value.order_id, uuid.UUID)
    assert str(refusal.value.order_id) in str(refusal.value)
    assert "same Idempotency-Key" in str(refusal.value)
    monkeypatch.undo()
    assert not Order.objects.exists()


def test_the_deadline_is_set_by_the_clock_of_the_database():
    place_order(make_request(), owner=make_owner())

    assert Order.objects.filter(
        deadline__gt=Now() + timedelta(seconds=119),
        deadline__lte=Now() + timedelta(seconds=120),
    ).exists()
