"""Cancelling an order: done, too late, or asked for while it may still land."""

from __future__ import annotations

import pytest

from orders.models import Order, Status

from .helpers import (
    make_order_at,
)

pytestmark = pytest.mark.django_db


def test_an_order_without_a_signature_is_cancelled(client):
    order, _ = make_order_at(Status.BUILDING)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["failure"]["fundsMoved"] == "none"
    assert client.post(f"/api/orders/{order.id}/cancel").status_code == 200  # again


def test_a_signed_order_answers_409_and_makes_no_further_attempt(client):
    order, _ = make_order_at(Status.SUBMITTED)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "cancel_conflict")
    assert answer.json()["orderStatus"] == "submitted"
    assert Order.objects.get(id=order.id).cancel_requested_at is not None


def test_a_closed_order_answers_409(client):
    order, _ = make_order_at(Status.CONFIRMED)

    answer = client.post(f"/api/orders/{order.id}/cancel")

    assert (answer.status_code, answer.json()["orderStatus"]) == (409, "confirmed")
