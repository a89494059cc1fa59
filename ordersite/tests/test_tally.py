"""Web processes share out the connections that come to their one socket."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from orders.shared_memory import make_memory
from ordersite.tally import BYTES_EACH, VARIABLE, Tally


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = make_memory(2, BYTES_EACH)
    yield descriptor
    os.close(descriptor)


def at(memory: int, place: int) -> Tally:
    return Tally.of({VARIABLE: f"{memory}:{place}"})


def test_who_has_more_than_another_is_above_it(memory: int):
    one, other = at(memory, 0), at(memory, 1)
    assert not one.is_above_another()

    one.opened()
    assert one.is_above_another()
    assert not other.is_above_another()

    other.opened()
    assert not one.is_above_another()

    one.closed()
    assert other.is_above_another()
    assert (one.mine, other.mine) == (0, 1)


def test_a_process_that_starts_again_begins_at_none(memory: int):
    killed, other = at(memory, 0), at(memory, 1)
    killed.opened()

    assert at(memory, 0).mine == 0
    assert not other.is_above_another()


def test_a_process_of_its_own_socket_is_above_nobody():
    alone = Tally.of({})
    alone.opened()

    assert not alone.is_above_another()
