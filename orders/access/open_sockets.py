"""How many sockets and connections somebody has open, in memory that processes share.

The web processes of one host accept from one listening socket and count in one table, so
a limit holds for all of them together, with Redis or without. Each process writes only
its own counts: one that is killed leaves nothing locked, and its successor begins at none.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Self

from django.conf import settings

from orders.problems import Problem
from orders.shared_memory import map_memory

VARIABLE = "WEB_OPEN_SOCKETS"  # "descriptor:place", for a process that shares the table
_COLUMNS = 1 << 14
_BYTES = 4  # of one count
BYTES_EACH = _COLUMNS * _BYTES  # of the table, for one process
# Refused sockets of one address that may still be told why at the same time; further ones
# are answered with HTTP 429, which needs no socket. Refused connections are just closed.
REFUSED_AT_ONCE = 100


class OpenSockets:
    """A table with one row of counts for each process, and two columns for each name.

    Others may share a column with a name. The smaller sum of its two columns counts, which
    is right unless somebody shares both. Source: Cormode, Muthukrishnan, "An improved data
    stream summary: the count-min sketch", 2005.
    """

    def __init__(self, memory: mmap.mmap, place: int) -> None:
        self._counts = memoryview(memory).cast("I")
        self._processes = len(self._counts) // _COLUMNS
        self._row = place * _COLUMNS
        memory[self._row * _BYTES : self._row * _BYTES + BYTES_EACH] = bytes(BYTES_EACH)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return that of the processes that share a table; one of its own otherwise."""
        return cls(*map_memory(environment, VARIABLE, BYTES_EACH))

    def opened(self, name: str) -> int:
        """Count one more; return how many there are now."""
        for column in _columns(name):
            self._counts[self._row + column] += 1
        return self.count(name)

    def closed(self, name: str) -> None:
        for column in _columns(name):
            self._counts[self._row + column] -= 1

    def count(self, name: str) -> int:
        return min(
            sum(
                self._counts[process * _COLUMNS + column]
                for process in range(self._processes)
            )
            for column in _columns(name)
        )


class Places:
    """What one socket or connection takes of the limits, until it is gone."""

    def __init__(self) -> None:
        self._sockets = open_sockets()
        self._taken: list[str] = []

    def is_flooded(self, address: str) -> bool:
        """Say whether so many of an address are being refused that one more gets no reason."""
        return self._sockets.count(_refused(address)) >= REFUSED_AT_ONCE

    def take_of_address(self, address: str) -> None:
        """Raises the problem `too_many_sockets`."""
        name = f"address:{address}"
        limit = settings.SOCKETS_PER_ADDRESS
        if not self._take(name, limit):
            self.refuse(address)
            raise too_many_sockets(limit, "of one address", "SOCKETS_PER_ADDRESS")

    def take_of_key(self, key_id: int | None, address: str) -> None:
        """Raises the problem `too_many_sockets`. Without a key the address alone counts."""
        if key_id is not None:
            limit = settings.SOCKETS_PER_KEY
            if not self._take(f"key:{key_id}", limit):
                self.refuse(address)
                raise too_many_sockets(limit, "of one key", "SOCKETS_PER_KEY")

    def take_of_connections(self, address: str) -> bool:
        """Say whether there is place for one more connection, and take it."""
        return self._take(f"connection:{address}", settings.CONNECTIONS_PER_ADDRESS)

    def refuse(self, address: str) -> None:
        """Count a socket that is only open to be told why it may not stay."""
        self._taken.append(_refused(address))
        self._sockets.opened(_refused(address))

    def give_back(self) -> None:
        while self._taken:
            self._sockets.closed(self._taken.pop())

    def _take(self, name: str, limit: int) -> bool:
        if limit == 0:
            return True
        # Counted before it is compared: two that come at once cannot both be the last.
        if self._sockets.opened(name) <= limit:
            self._taken.append(name)
            return True
        self._sockets.closed(name)
        return False


def too_many_sockets(limit: int, whose: str, setting: str) -> Problem:
    """The problem of a client that has as many sockets open as it may."""
    return Problem(
        429,
        "too_many_sockets",
        f"The limit is {limit} open sockets {whose}. Close some, or place and follow "
        f"many orders over one socket; the operator can raise {setting}.",
        members={"limit": limit},
    )


def flooded() -> Problem:
    """The problem of a socket beside so many refused ones that it is not even opened."""
    return Problem(
        429,
        "too_many_sockets",
        f"{REFUSED_AT_ONCE} sockets of your address are being refused at this moment. Open "
        "one after the other, and wait longer each time.",
        headers={"Retry-After": "1"},
        members={"limit": REFUSED_AT_ONCE, "retryAfterSeconds": 1},
    )


def too_many_connections(limit: int) -> Problem:
    """The problem of an address that has as many connections open as it may."""
    return Problem(
        429,
        "too_many_connections",
        f"The limit is {limit} open connections of one address. Close some, or send more "
        "over each; the operator can raise CONNECTIONS_PER_ADDRESS.",
        headers={"Retry-After": "1"},
        members={"limit": limit, "retryAfterSeconds": 1},
    )


@cache
def open_sockets() -> OpenSockets:
    """Return the table of this process."""
    return OpenSockets.of(os.environ)


def _refused(address: str) -> str:
    return f"refused:{address}"


def _columns(name: str) -> tuple[int, ...]:
    digest = blake2b(name.encode(), digest_size=8).digest()
    first, second = digest[:4], digest[4:]
    one = int.from_bytes(first, "big") % _COLUMNS
    other = int.from_bytes(second, "big") % _COLUMNS
    return (one,) if one == other else (one, other)
