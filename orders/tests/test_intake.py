"""Orders of one moment share a transaction, and nothing else."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from orders import events, queue
from orders.errors import DatabaseUnavailable
from orders.intake import CommitUnanswered, Intake
from orders.models import Order, OrderEvent

from .faults import breaking_road, no_database
from .test_insertion import columns_of_a_request

pytestmark = pytest.mark.django_db(transaction=True)


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at, "the intake hangs"
        time.sleep(0.001)


def store(intake: Intake, columns: dict[str, Any]) -> bool:
    """Store one order; raise what kept it from being stored."""
    (result,) = intake.store_all([columns])
    if isinstance(result, Exception):
        raise result
    return result


class Counter:
    """Runs an intake with one thread per order, the first of which can be held up."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.transactions = 0
        self._may_go_on = threading.Event()
        self._threads = ThreadPoolExecutor(16)

    def place_together(
        self,
        first: dict[str, Any],
        others: list[dict[str, Any]],
        then: Callable[[], Any] = lambda: None,
    ) -> list[Future[bool]]:
        """Have `others` line up while the first is stored; do `then` before it goes on."""
        placed = [self._threads.submit(self._store, first)]
        until(lambda: self.transactions == 1)
        for columns in others:
            placed.append(self._threads.submit(self._store, columns))
            until(lambda: len(self.intake._line) == len(placed) - 1)
        then()
        self._may_go_on.set()
        self._threads.shutdown()
        return placed

    def _store(self, columns: dict[str, Any]) -> bool:
        try:
            with connection.execute_wrapper(self._watch):
                return store(self.intake, columns)
        finally:
            connection.close()

    def _watch(self, execute: Any, sql: str, *arguments: Any) -> Any:
        self.transactions += "INSERT" in sql
        assert self._may_go_on.wait(10)
        return execute(sql, *arguments)


@pytest.fixture
def counter() -> Counter:
    return Counter()


def orders_of(count: int, **overrides: Any) -> list[dict[str, Any]]:
    return [columns_of_a_request(**overrides) for _ in range(count)]


def outcomes(placed: list[Future[bool]]) -> list[Any]:
    return [future.exception() or future.result() for future in placed]


def stored_ids() -> set[uuid.UUID]:
    return set(Order.objects.values_list("id", flat=True))


def test_orders_that_line_up_behind_one_are_stored_in_one_transaction(counter):
    first, *others = orders_of(8)

    placed = counter.place_together(first, others)

    assert outcomes(placed) == [True] * 8
    assert counter.transactions == 2
    assert stored_ids() == {order["id"] for order in (first, *others)}
    pending = OrderEvent.objects.filter(sequence=1, status="pending")
    assert {event.order_id for event in pending} == stored_ids()


def test_each_of_them_is_published_and_queued_once(counter, monkeypatch):
    published: list[uuid.UUID] = []
    queued: list[uuid.UUID] = []
    monkeypatch.setattr(queue, "enqueue", lambda order_id, _: queued.append(order_id))
    unsubscribe = events.subscribe(lambda event: published.append(event.order_id))
    first, *others = orders_of(5)

    counter.place_together(first, others)
    unsubscribe()

    expected = sorted(order["id"] for order in (first, *others))
    assert sorted(published) == expected
    assert sorted(queued) == expected


def test_a_key_that_is_taken_is_told_to_its_order_alone(counter):
    (earlier,) = orders_of(1, idempotency_key="taken")
    store(Intake(), earlier)
    first, good, late, twice = orders_of(4)
    late["idempotency_key"] = "taken"
    good["idempotency_key"] = twice["idempotency_key"] = "new"

    placed = counter.place_together(first, [late, good, twice])

    assert outcomes(placed)[:2] == [True, False]
    assert sorted(outcomes(placed)[2:]) == [False, True]
    assert counter.transactions == 2
    assert Order.objects.filter(idempotency_key="new").count() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"amount_in": 0}, {"owner_id": 10**9}, {"idempotency_key": "x" * 256}],
    ids=["a check", "a foreign key, at COMMIT", "a length"],
)
def test_what_is_wrong_with_one_order_fails_no_other(counter, wrong):
    first, *others = orders_of(5)
    others[1] |= wrong

    placed = counter.place_together(first, others)

    (error,) = [out for out in outcomes(placed) if out is not True]
    assert placed[2].exception() is error
    assert not isinstance(error, OperationalError)
    assert stored_ids() == {
        order["id"] for order in (first, *others) if order is not others[1]
    }


def test_an_order_that_comes_to_an_idle_intake_waits_for_nobody():
    intake = Intake()

    for columns in orders_of(3):
        assert store(intake, columns)

    assert Order.objects.count() == 3


def test_orders_of_one_caller_share_a_transaction_and_each_has_its_own_result():
    (taken,) = orders_of(1, idempotency_key="taken")
    intake = Intake()
    store(intake, taken)
    good, late, wrong = orders_of(3)
    late["idempotency_key"] = "taken"

    assert intake.store_all([good, late]) == [True, False]

    wrong["amount_in"] = 0
    (other,) = orders_of(1)
    stored, error = intake.store_all([other, wrong])
    assert stored is True
    assert isinstance(error, IntegrityError)
    assert stored_ids() == {taken["id"], good["id"], other["id"]}


def test_an_order_that_failed_leaves_the_way_free():
    intake = Intake()
    (wrong,) = orders_of(1, amount_in=0)

    with pytest.raises(IntegrityError):
        store(intake, wrong)

    assert store(intake, orders_of(1)[0])


def test_no_order_is_stored_with_the_transaction_of_a_caller():
    columns = columns_of_a_request()

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        store(Intake(), columns)


@pytest.mark.parametrize("is_delivered", [True, False])
def test_a_lost_answer_to_their_commit_is_unknown_to_each(counter, is_delivered):
    first, *others = orders_of(5)

    with breaking_road(deliver=is_delivered, open_again=True, at=2):
        placed = counter.place_together(first, others)

    assert outcomes(placed)[0] is True
    assert [type(out) for out in outcomes(placed)[1:]] == [CommitUnanswered] * 4
    assert len(stored_ids()) == (5 if is_delivered else 1)


def test_a_database_that_goes_away_is_told_to_each_that_waits(counter):
    first, *others = orders_of(4)

    with contextlib.ExitStack() as away:
        placed = counter.place_together(
            first, others, then=lambda: away.enter_context(no_database())
        )

    assert outcomes(placed)[0] is True
    assert [type(out) for out in outcomes(placed)[1:]] == [DatabaseUnavailable] * 3
    assert stored_ids() == {first["id"]}
