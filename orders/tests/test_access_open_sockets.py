"""Open sockets are counted over the web processes of one host."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from orders.access.open_sockets import BYTES_EACH, VARIABLE, OpenSockets
from orders.shared_memory import make_memory


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = make_memory(2, BYTES_EACH)
    yield descriptor
    os.close(descriptor)


def at(memory: int, place: int) -> OpenSockets:
    return OpenSockets.of({VARIABLE: f"{memory}:{place}"})


def test_both_count_what_either_has_open(memory: int):
    one, other = at(memory, 0), at(memory, 1)

    assert [one.opened("ada"), other.opened("ada"), one.opened("ada")] == [1, 2, 3]
    assert one.opened("eve") == 1
    one.closed("ada")
    assert (one.count("ada"), other.count("ada"), other.count("eve")) == (2, 2, 1)


def test_what_a_killed_process_had_open_is_closed(memory: int):
    killed, other = at(memory, 0), at(memory, 1)
    killed.opened("ada")
    other.opened("ada")

    assert at(memory, 0).count("ada") == 1


def test_of_many_names_hardly_any_is_counted_with_another(memory: int):
    one = at(memory, 0)
    counted = [one.opened(f"address:10.0.{n // 256}.{n % 256}") for n in range(2_000)]

    assert sum(count == 1 for count in counted) > 1_950
