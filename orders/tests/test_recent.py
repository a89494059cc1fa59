from __future__ import annotations

import pytest

from dex.models import Token
from orders import recent
from orders.models import Order

from .clients import order_text, post
from .helpers import make_owner, make_token


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""

    class Clock:
        now = 1_000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(recent, "time", clock)
    return clock


def test_what_was_read_is_read_again_after_a_second(clock):
    remembered: recent.Recent[str, int] = recent.Recent()
    assert remembered.get("a", lambda: 1) == 1
    clock.now += 0.9
    assert remembered.get("a", lambda: 2) == 1
    clock.now += 0.1
    assert remembered.get("a", lambda: 3) == 3


def test_nothing_found_is_never_remembered(clock):
    remembered: recent.Recent[str, list[int]] = recent.Recent()
    assert remembered.get("a", list) == []
    assert remembered.get("a", lambda: [1]) == [1]


def test_keys_that_clients_choose_fill_no_memory(clock):
    remembered: recent.Recent[int, int] = recent.Recent()
    for key in range(3 * recent.MOST):
        remembered.get(key, lambda: 1)
    assert len(remembered._kept) <= recent.MOST


@pytest.mark.django_db
def test_a_token_that_is_switched_off_is_refused_a_second_later(clock):
    make_owner()
    make_token("B")
    token = make_token("A")
    assert post(order_text()).status_code == 201
    Token.objects.filter(id=token.id).update(enabled=False)
    clock.now += 1.0

    answer = post(order_text())

    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["unknown_token"]
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_a_second_order_reads_neither_tokens_nor_owner(
    clock, django_assert_num_queries
):
    make_owner()
    make_token("A")
    make_token("B")
    post(order_text())

    # Savepoint, order with its event, release: within the transaction of the test.
    with django_assert_num_queries(3) as queries:
        post(order_text())

    assert not any("dex_token" in query["sql"] for query in queries)


def test_while_one_reads_it_again_the_others_take_the_old_for_half_a_second(clock):
    remembered: recent.Recent[str, int] = recent.Recent()
    assert remembered.get("a", lambda: 1) == 1
    clock.now += 1.4
    seen: list[int] = []

    def read() -> int:
        seen.append(remembered.get("a", lambda: 2))  # another thread, meanwhile
        clock.now += 0.1
        seen.append(remembered.get("a", lambda: 3))  # the read takes too long
        return 4

    assert remembered.get("a", read) == 4
    assert seen == [1, 3]


def test_a_read_that_fails_leaves_nothing_behind(clock):
    remembered: recent.Recent[str, int] = recent.Recent()
    assert remembered.get("a", lambda: 1) == 1
    clock.now += 1.0

    with pytest.raises(ZeroDivisionError):
        remembered.get("a", lambda: 1 // 0)

    assert remembered.get("a", lambda: 2) == 2
