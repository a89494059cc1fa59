"""Limits while Redis is away, and when it is back."""

from __future__ import annotations

import psutil
import pytest

from orders.access import shared_buckets
from orders.access.buckets import Buckets
from orders.access.shared_buckets import SharedBuckets
from orders.tests.faults import frozen
from ordersite.embedded import Valkey


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_buckets, "PAUSE_S", 0.0)


def test_buckets_are_counted_in_redis_again_as_soon_as_it_is_back(valkey: Valkey):
    store = SharedBuckets(valkey.layout.redis_url)
    assert store.take("limit:test", 10, 3) is not None
    assert valkey.process is not None
    with frozen(psutil.Process(valkey.process.pid)):
        assert store.take("limit:test", 10, 1) is None

    # Redis may have carried out what it did not answer.
    taken = store.take("limit:test", 10, 10)
    assert taken is not None
    assert taken.tokens in (6, 7)


def test_a_redis_that_was_started_again_is_taught_the_script_again(valkey: Valkey):
    store = SharedBuckets(valkey.layout.redis_url)
    store.take("limit:test:eve", 10, 10)
    valkey.stop()
    valkey.start()
    kept = [Buckets("test", 10, 1, store) for _ in range(2)]

    granted = [kept[n % 2].take("ada") for n in range(20)]
    assert sum(one.granted for one in granted if one is not None) == 10
