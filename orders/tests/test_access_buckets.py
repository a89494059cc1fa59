"""Tokens are counted once for all processes, with Redis and without."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings

from orders.access.buckets import MOST, WINDOW_S, Buckets, Decision, Taken
from orders.access.shared_buckets import PAUSE_S, SharedBuckets

from .faults import silent_server
from .limits import forget_counts


class Counted(SharedBuckets):
    """Counts how often Redis is asked."""

    calls = 0

    def take(self, name: str, limit: int, most: int) -> Taken | None:
        self.calls += 1
        return super().take(name, limit, most)


@pytest.fixture(autouse=True)
def _full_buckets():
    forget_counts()


def process(limit: int, store: SharedBuckets | None = None) -> Buckets:
    """Return what one of two processes has of a kind of buckets."""
    return Buckets("test", limit, 2, store or SharedBuckets(settings.REDIS_URL))


def granted(decision: Decision | None) -> int:
    assert decision is not None
    return decision.granted


def test_of_200_at_once_in_two_processes_exactly_10_pass():
    both = [process(10), process(10)]

    began = time.monotonic()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda n: both[n % 2].take("ada"), range(200)))

    assert time.monotonic() - began < WINDOW_S / 10  # no token has come back
    assert sum(map(granted, answers)) == 10


def test_each_has_a_bucket_of_its_own():
    kept = process(1)

    assert [granted(kept.take(who)) for who in ("ada", "eve", "ada")] == [1, 1, 0]


def test_the_headers_tell_exactly_what_is_left():
    kept = process(10)
    first, second = kept.take("ada"), kept.take("ada")

    assert first is not None
    assert second is not None
    assert first.headers() == {
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "9",
        "RateLimit-Reset": "6",
    }
    assert second.headers()["RateLimit-Remaining"] == "8"
    assert second.headers()["RateLimit-Reset"] == "12"


def test_of_many_together_as_many_pass_as_there_are_tokens():
    kept = process(10)

    assert kept.take("ada", 15) == Decision(10, 10, 0, 6)
    refused = kept.take("ada", 1)
    assert refused == Decision(0, 10, 0, 6)


def test_who_was_refused_is_refused_again_without_asking_redis():
    store = Counted(settings.REDIS_URL)
    kept = process(10, store)
    kept.take("ada", 10)
    kept.take("ada")
    asked = store.calls

    assert {granted(kept.take("ada")) for _ in range(1_000)} == {0}
    assert store.calls == asked


def test_most_of_many_requests_ask_nobody_and_no_more_pass_than_may():
    limit = 6_000
    store = Counted(settings.REDIS_URL)
    both = [process(limit, store), process(limit, store)]

    began = time.monotonic()
    passed = sum(granted(both[n % 2].take("ada")) for n in range(2 * limit))
    came_back = (time.monotonic() - began) * limit / WINDOW_S

    assert limit - 600 <= passed <= limit + came_back + 1
    assert store.calls < limit / 10


def test_a_bucket_fills_up_evenly():
    # One token in 60 microseconds: some have come back whenever it is asked again.
    kept = process(1_000_000)
    first = kept.take("ada", 1_000_000)
    second = kept.take("ada", 1_000_000)

    assert granted(first) == 1_000_000
    assert 0 <= granted(second) < 500_000
    later = kept.take("ada", 1_000_000)
    assert later is not None
    assert later.remaining < 1_000_000


def test_without_redis_each_process_grants_its_share_and_waits_a_moment_once():
    with silent_server() as port:
        url = f"redis://127.0.0.1:{port}/0"
        both = [process(10, SharedBuckets(url)) for _ in range(2)]
        began = time.monotonic()
        answers = [both[n % 2].take("ada") for n in range(200)]

        assert time.monotonic() - began < PAUSE_S / 2
    assert sum(map(granted, answers)) == 10
    assert [granted(answer) for answer in answers[:10]] == [1] * 10


def test_a_redis_that_refuses_connections_limits_all_the_same():
    kept = process(10, SharedBuckets("redis://127.0.0.1:1/0"))

    assert sum(granted(kept.take("ada")) for _ in range(50)) == 5


def test_however_many_clients_come_their_number_in_memory_is_bounded():
    kept = process(10, SharedBuckets("redis://127.0.0.1:1/0"))
    for number in range(MOST + 50):
        kept.take(str(number))

    assert len(kept._buckets) == MOST


def test_a_limit_of_0_is_none():
    assert process(0).take("ada") is None


def test_no_waiting_is_no_asking():
    kept = process(6_000)
    assert kept.take_at_once("ada") is None  # nothing was taken ahead so far

    while (ahead := kept.take_at_once("ada")) is None:
        kept.take("ada")
    assert granted(ahead) == 1
