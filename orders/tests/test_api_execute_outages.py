"""POST /api/orders/execute while Redis or the database is away."""

from __future__ import annotations

import logging

import pytest

from orders import queue
from orders.models import Order

from .clients import order_text, post
from .faults import breaking_road, no_database, silent_server
from .helpers import make_owner, make_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def tokens(transactional_db):
    make_owner()  # so that the only COMMIT of a request is the order's
    return make_token("A"), make_token("B", decimals=6)


@pytest.fixture
def redis_at(monkeypatch):
    """Have the hints of this test sent to another Redis."""

    def use(url: str) -> queue.QueueSender:
        sender = queue.QueueSender(url)
        monkeypatch.setattr(queue, "_sender", lambda: sender)
        return sender

    return use


def test_an_order_is_accepted_while_redis_is_down(redis_at, caplog):
    sender = redis_at("redis://127.0.0.1:1/0")

    with caplog.at_level(logging.WARNING):
        answer = post(order_text())

    assert answer.status_code == 201
    assert Order.objects.filter(id=answer.json()["orderId"]).exists()
    assert sender.flush(5)
    assert sender.lost == 1
    assert "the keeper takes it" in caplog.text


def test_an_order_is_accepted_while_redis_is_silent(redis_at):
    with silent_server() as port:
        sender = redis_at(f"redis://127.0.0.1:{port}/0")

        assert post(order_text()).status_code == 201
        assert not sender.flush(0)  # it was answered before Redis was
        assert sender.flush(5)
        assert sender.lost == 1


def test_without_a_database_nothing_is_stored_and_the_client_may_try_again():
    with no_database():
        answer = post(order_text())

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "database_unavailable"
    assert not Order.objects.exists()


def test_a_lost_answer_to_commit_is_settled_by_reading_the_order():
    with breaking_road(deliver=True, open_again=True) as road:
        answer = post(order_text())

    assert road.broken
    assert answer.status_code == 201
    assert str(Order.objects.get().id) == answer.json()["orderId"]


def test_a_lost_answer_that_cannot_be_settled_is_unknown_and_the_key_settles_it():
    with breaking_road(deliver=True, open_again=False):
        unknown = post(order_text(), idempotency_key="sure")

    problem = unknown.json()
    assert (unknown.status_code, problem["code"]) == (503, "outcome_unknown")
    assert unknown["Retry-After"] == "2"
    assert "same Idempotency-Key" in problem["detail"]
    assert str(Order.objects.get().id) == problem["orderId"]

    repeated = post(order_text(), idempotency_key="sure")

    assert (repeated.status_code, repeated.json()["orderId"]) == (
        200,
        problem["orderId"],
    )


def test_a_commit_that_never_arrived_is_unknown_too_and_the_key_settles_it():
    with breaking_road(deliver=False, open_again=True):
        unknown = post(order_text(), idempotency_key="sure")

    assert (unknown.status_code, unknown.json()["code"]) == (503, "outcome_unknown")
    assert not Order.objects.exists()
    assert post(order_text(), idempotency_key="sure").status_code == 201
    assert Order.objects.count() == 1
